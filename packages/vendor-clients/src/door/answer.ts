import { ValetKeyError, type ErrorCode } from '@valetkey/core-types';
import type { Dispatcher } from 'undici';
import type { z } from 'zod';

/** Header fields by their lower-case names. */
export type AnswerHeaders = Dispatcher.ResponseData['headers'];

/** Whose answer it is: `id` for programs, `title` for sentences. */
export interface VendorName {
  readonly id: string;
  readonly title: string;
}

/** A vendor's answer, read to its end. The door lets 2xx and 4xx pass; everything else is an error already. */
export interface Answer {
  readonly vendor: VendorName;
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: Buffer;
}

/**
 * Reads an answer's JSON for the fields we use. Throws `vendor_response_invalid` with the name of our own field, never
 * with the vendor's text.
 */
export function readJson<Schema extends z.ZodType>(answer: Answer, schema: Schema): z.output<Schema> {
  const parsed = tryReadJson(answer, schema);
  if (!parsed.success) throw invalidAnswer(answer.vendor, parsed.reason);
  return parsed.data;
}

/** Like {@link readJson}, for answers that may be of another shape. */
export function tryReadJson<Schema extends z.ZodType>(
  answer: Answer,
  schema: Schema,
): { success: true; data: z.output<Schema> } | { success: false; reason: string } {
  let value: unknown;
  try {
    value = JSON.parse(answer.body.toString('utf8'));
  } catch {
    return { success: false, reason: 'not_json' };
  }
  const result = schema.safeParse(value);
  if (result.success) return { success: true, data: result.data };
  return { success: false, reason: `field:${result.error.issues[0]?.path.join('.') ?? ''}` };
}

export function invalidAnswer(vendor: VendorName, reason: string): ValetKeyError {
  return new ValetKeyError('vendor_response_invalid', `${vendor.title} sent an answer that is not as documented.`, {
    vendor: vendor.id,
    reason,
  });
}

/** What a status means, where it means something else than the usual. */
export type StatusMeanings = Readonly<
  Record<number, { readonly code: ErrorCode; readonly detail: string; readonly advice?: string | undefined }>
>;

/** The error that a 4xx stands for: 401 and 403 are about our credentials, the rest about the call. */
export function refusal(answer: Answer, meanings: StatusMeanings = {}): ValetKeyError {
  const { vendor, status } = answer;
  const reason = `status_${status}`;
  if (status < 400) return invalidAnswer(vendor, reason);
  const meaning = meanings[status];
  if (meaning !== undefined) {
    const { code, detail, advice } = meaning;
    return new ValetKeyError(code, detail, { vendor: vendor.id, reason, advice });
  }
  if (status === 401 || status === 403) {
    return new ValetKeyError('vendor_auth_failed', `${vendor.title} refused our credentials.`, {
      vendor: vendor.id,
      reason,
    });
  }
  return new ValetKeyError('vendor_rejected', `${vendor.title} rejected the call.`, { vendor: vendor.id, reason });
}
