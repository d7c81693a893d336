import { ValetKeyError, type ErrorCode, type ValetKeyErrorOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { invalidDetail, tryReadJson, type ResponseHeaders, type VendorName } from './response.ts';
import { parseRetryAfter } from './retry-after.ts';

/** What an unexpected status means at one vendor, where it differs from the usual meaning. */
export interface StatusMeaning {
  readonly code: ErrorCode;
  readonly detail: string;
  /** What the operator should check. */
  readonly advice?: string | undefined;
  /** A short word for the operator's log. Default: `status_` and the status. */
  readonly reason?: string | undefined;
  /** The JSON that the vendor sends with this meaning. A response with another body has the usual meaning. */
  readonly body?: z.ZodType | undefined;
}

/** The meanings of unexpected statuses, by status. Of several, the first one whose `body` fits the response applies. */
export type StatusMeanings = Readonly<Record<number, StatusMeaning | readonly StatusMeaning[]>>;

/** A response with a status that its call does not expect. If `body` is a stream, it has not been read. */
interface UnexpectedResponse {
  readonly vendor: VendorName;
  readonly status: number;
  readonly headers?: ResponseHeaders | undefined;
  readonly body?: Buffer | AsyncIterable<Uint8Array> | undefined;
}

/**
 * Returns the error for an unexpected status: `vendor_auth_failed` for 401 and 403, `vendor_rejected` for any other 4xx, and
 * `vendor_response_invalid` below 400. A meaning in `meanings` replaces these. A 401 or 403 that is not in the form of the
 * vendor's own errors is `vendor_unavailable` with the cause `intercepted`: a firewall that refuses the broker has not checked
 * the broker's credentials.
 *
 * @param body - The body, if it has been read. Without it, the response counts as the vendor's own unless its headers show an
 *   interception, and a meaning with a `body` of its own does not apply.
 */
export function refusalError(
  response: UnexpectedResponse,
  meanings: StatusMeanings = {},
  body: Buffer | undefined = Buffer.isBuffer(response.body) ? response.body : undefined,
): ValetKeyError {
  const { vendor, status } = response;
  const isAboutCredentials = status === 401 || status === 403;
  if (isAboutCredentials && !isFromVendor(response, body)) return interceptedError(vendor, status);
  const meaning = [meanings[status] ?? []].flat().find((one) => hasForm(one, response, body));
  if (meaning !== undefined) {
    const { code, detail, advice, reason = `status_${status}` } = meaning;
    return statusError(vendor, status, code, detail, { advice, reason });
  }
  if (status < 400) return statusError(vendor, status, 'vendor_response_invalid', invalidDetail(vendor));
  if (isAboutCredentials) {
    return statusError(vendor, status, 'vendor_auth_failed', `${vendor.title} refused the configured credentials.`);
  }
  return statusError(vendor, status, 'vendor_rejected', `${vendor.title} rejected the call.`, {
    // The status of another server does not show that the vendor accepted the credentials.
    ...(isForeign(response, body) && { cause: { type: 'intercepted', status } }),
  });
}

/**
 * Returns the error for a status that means the same at every vendor: 1xx, 3xx except 304, 407, 408, 425, 429 and 5xx. Returns
 * undefined for every other status, because the caller of this function decides what that status means.
 */
export function unusableStatusError(
  vendor: VendorName,
  status: number,
  headers: ResponseHeaders,
  nowMs: number,
): ValetKeyError | undefined {
  const isOutage = status >= 500 || status === 408 || status === 425;
  if (isOutage || status === 429) {
    const retryAfterSeconds = parseRetryAfter(headers['retry-after'], nowMs);
    // Only the headers are checked: reading the body could take long, because a vendor in trouble may send it slowly.
    if ((status === 429 || status === 503) && isInterception(headers)) {
      return interceptedError(vendor, status, retryAfterSeconds ?? (status === 429 ? 1 : undefined));
    }
    return temporaryError(vendor, status, isOutage ? 'outage' : 'rate limit', { retryAfterSeconds });
  }
  // Only a proxy of this network sends it, and a caller's HTTP client would take it for one of its own proxy.
  if (status === 407) return interceptedError(vendor, status);
  const isRedirect = status >= 300 && status < 400 && status !== 304;
  if (!isRedirect && status >= 200) return undefined;
  return statusError(vendor, status, 'vendor_response_invalid', invalidDetail(vendor));
}

/** Returns the error for a response that says that the same call may succeed later. */
export function temporaryError(
  vendor: VendorName,
  status: number,
  kind: 'outage' | 'rate limit',
  { retryAfterSeconds, reason }: Pick<ValetKeyErrorOptions, 'retryAfterSeconds' | 'reason'>,
): ValetKeyError {
  const more = { retryAfterSeconds, ...(reason !== undefined && { reason }) };
  return kind === 'outage'
    ? statusError(vendor, status, 'vendor_unavailable', `${vendor.title} cannot respond at the moment.`, more)
    : statusError(vendor, status, 'vendor_rate_limited', `${vendor.title} accepts no more calls at the moment.`, {
        ...more,
        retryAfterSeconds: retryAfterSeconds ?? 1,
      });
}

/** The fields by which most APIs describe an error. */
const customaryFields = ['error', 'errors', 'error_code', 'error_description', 'message', 'msg', 'detail', 'code'];
/** Fields of the JSON that content delivery networks send instead of a vendor's own errors. */
const interceptorFields = ['cloudflare_error', 'ray_id', 'incident_id', 'incidentId', 'support_id'];
/** Header fields that only firewalls and proxies send, and only with a response of their own. */
const interceptorHeaders = ['cf-mitigated', 'x-amzn-waf-action', 'x-squid-error', 'x-vercel-mitigated'];
const hasAnyOf = (fields: readonly string[], value: object) => fields.some((field) => Object.hasOwn(value, field));

/** Accepts any object except one that a content delivery network sent. */
const nonInterceptedSchema = z.looseObject({}).refine((value) => !hasAnyOf(interceptorFields, value));
const customaryErrorSchema = nonInterceptedSchema.refine((value) => hasAnyOf(customaryFields, value));

/**
 * Returns whether a 401 or 403 counts as the vendor's own. A body must have the form of the vendor's errors: JSON, or plain text
 * for some vendors. With an empty body, the response must be a 401 with a challenge for API clients (RFC 9110 section 15.5.2).
 * If the body has not been read, the response counts as the vendor's own unless its headers show an interception. A header that
 * only a firewall sends decides in every case.
 */
function isFromVendor(response: UnexpectedResponse, body: Buffer | undefined): boolean {
  if (isForeign(response, body)) return false;
  if (body === undefined || body.length > 0) return true;
  const { status, headers = {} } = response;
  const challenge = headers['www-authenticate'];
  return status === 401 && challenge !== undefined && !/^(basic|negotiate|ntlm)\b/i.test(String(challenge));
}

/** Returns whether a response shows that another server sent it: by its headers, or by a body that is no error of the vendor. */
function isForeign({ vendor, headers = {} }: UnexpectedResponse, body: Buffer | undefined): boolean {
  if (body === undefined) return isInterception(headers);
  return hasInterceptorHeader(headers) || (body.length > 0 && !isErrorOf(vendor, body));
}

/** Returns whether a body fits the vendor's `errorBody`: parsed if it is JSON, and else as text. A page of HTML never fits. */
function isErrorOf({ errorBody = customaryErrorSchema }: VendorName, body: Buffer): boolean {
  const json = tryReadJson({ body }, z.unknown());
  if (json.success) return nonInterceptedSchema.safeParse(json.data).success && errorBody.safeParse(json.data).success;
  const text = body.toString();
  return !/^\s*</.test(text) && errorBody.safeParse(text).success;
}

/** Returns whether the headers alone show that a firewall or a content delivery network responded instead of an API. */
function isInterception(headers: ResponseHeaders): boolean {
  const type = String(headers['content-type'] ?? '');
  return /^\s*text\/html\b/i.test(type) || hasInterceptorHeader(headers);
}

function hasInterceptorHeader(headers: ResponseHeaders): boolean {
  return interceptorHeaders.some((name) => name in headers);
}

/**
 * Returns whether a response fits a meaning. It must not show that another server sent it, and its body must fit the schema of
 * the meaning, if the meaning has one.
 */
function hasForm({ body: schema }: StatusMeaning, response: UnexpectedResponse, body: Buffer | undefined): boolean {
  if (isForeign(response, body)) return false;
  return schema === undefined || (body !== undefined && tryReadJson({ body }, schema).success);
}

/** Returns the error for a response that does not come from the vendor. */
function interceptedError(vendor: VendorName, status: number, retryAfterSeconds?: number): ValetKeyError {
  const detail = `A server between the broker and ${vendor.title} responded instead of ${vendor.title}.`;
  return new ValetKeyError('vendor_unavailable', detail, {
    vendor: vendor.id,
    reason: `intercepted_${status}`,
    cause: { type: 'intercepted', status },
    retryAfterSeconds,
    advice:
      `The ${status} response is not in the form of ${vendor.title}'s errors: a firewall, a proxy or a content delivery ` +
      `network probably sent it. Check the connection's URL option (baseUrl at most vendors), and ask ${vendor.title} and your ` +
      "network's operator to let the broker's egress addresses through. The response says nothing about the credentials.",
  });
}

function statusError(
  { id }: VendorName,
  status: number,
  code: ErrorCode,
  detail: string,
  more: ValetKeyErrorOptions = {},
): ValetKeyError {
  const cause = { type: 'vendor_status', status } as const;
  return new ValetKeyError(code, detail, { reason: `status_${status}`, cause, ...more, vendor: id });
}
