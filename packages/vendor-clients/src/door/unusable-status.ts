import { ValetKeyError } from '@valetkey/core-types';
import { invalidAnswer, type AnswerHeaders, type VendorName } from './answer.ts';
import { parseRetryAfter } from './retry-after.ts';

/** The error for a status that no adapter wants to see; nothing for 2xx, 304 and the 4xx that are about the call. */
export function unusableStatus(
  vendor: VendorName,
  status: number,
  headers: AnswerHeaders,
  nowMs: number,
): ValetKeyError | undefined {
  const reason = `status_${status}`;
  const retryAfterSeconds = parseRetryAfter(headers['retry-after'], nowMs);
  if (status === 429) {
    return new ValetKeyError('vendor_rate_limited', `${vendor.title} takes no more calls from us for the moment.`, {
      vendor: vendor.id,
      reason,
      retryAfterSeconds: retryAfterSeconds ?? 1,
    });
  }
  if (status >= 500 || status === 408) {
    return new ValetKeyError('vendor_unavailable', `${vendor.title} cannot answer at the moment.`, {
      vendor: vendor.id,
      reason,
      retryAfterSeconds,
    });
  }
  const isRedirect = status >= 300 && status < 400 && status !== 304;
  return isRedirect || status < 200 ? invalidAnswer(vendor, reason) : undefined;
}
