import { Secret, ValetKeyError, type ErrorCode, type ValetKeyErrorOptions } from '@valetkey/core-types';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { parseRetryAfter } from './retry-after.ts';

/** A vendor's names: `id` for programs, `title` for sentences. */
export interface VendorName {
  readonly id: string;
  readonly title: string;
}

/** Header fields by their lower-case names. */
export type ResponseHeaders = Dispatcher.ResponseData['headers'];

/** A vendor's response, read to its end. Its status is 2xx, 304, or 4xx except 408 and 429; other statuses are errors. */
export interface VendorResponse {
  readonly vendor: VendorName;
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
}

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

/** The meanings of unexpected statuses, by status. */
export type StatusMeanings = Readonly<Record<number, StatusMeaning>>;

/** Parses a token as vendors send it into a `Secret`: printable ASCII, so that it fits into a header and a line of text. */
export const tokenSchema = z
  .string()
  .max(16_384)
  .regex(/^[\x21-\x7e]+$/)
  .transform((text) => new Secret(text));

/**
 * Parses the JSON of a response for the fields that the schema names. Throws `vendor_response_invalid`, whose `reason`
 * names the wrong field. The error never quotes the vendor.
 *
 * @example
 * ```ts
 * const { token } = readJson(response, z.object({ token: tokenSchema }));
 * ```
 */
export function readJson<Schema extends z.ZodType>(response: VendorResponse, schema: Schema): z.output<Schema> {
  const parsed = tryReadJson(response, schema);
  if (!parsed.success) throw invalidResponseError(response.vendor, parsed.reason);
  return parsed.data;
}

/** Parses as {@link readJson} does, and returns what is wrong instead of throwing it: the response may have another shape. */
export function tryReadJson<Schema extends z.ZodType>(
  response: Pick<VendorResponse, 'body'>,
  schema: Schema,
): { success: true; data: z.output<Schema> } | { success: false; reason: string } {
  let value: unknown;
  try {
    value = JSON.parse(response.body.toString('utf8'));
  } catch {
    return { success: false, reason: 'not_json' };
  }
  const result = schema.safeParse(value);
  if (result.success) return { success: true, data: result.data };
  return { success: false, reason: `field:${result.error.issues[0]?.path.join('.') ?? ''}` };
}

/** Returns `vendor_response_invalid`. `reason` is a short word for the operator's log and never a text of the vendor. */
export function invalidResponseError(vendor: VendorName, reason: string): ValetKeyError {
  return new ValetKeyError('vendor_response_invalid', invalidDetail(vendor), { vendor: vendor.id, reason });
}

/**
 * Returns the error for an unexpected status: `vendor_auth_failed` for 401 and 403, `vendor_rejected` for any other 4xx, and
 * `vendor_response_invalid` below 400, unless `meanings` has another meaning. `body` is absent for a streamed response; a
 * meaning with a `body` of its own then does not apply.
 */
export function refusalError(
  { vendor, status }: Pick<VendorResponse, 'vendor' | 'status'>,
  meanings: StatusMeanings = {},
  body: Buffer = Buffer.alloc(0),
): ValetKeyError {
  const meaning = meanings[status];
  if (meaning !== undefined && (meaning.body === undefined || tryReadJson({ body }, meaning.body).success)) {
    const { code, detail, advice, reason = `status_${status}` } = meaning;
    return statusError(vendor, status, code, detail, { advice, reason });
  }
  if (status < 400) return statusError(vendor, status, 'vendor_response_invalid', invalidDetail(vendor));
  return status === 401 || status === 403
    ? statusError(vendor, status, 'vendor_auth_failed', `${vendor.title} refused the configured credentials.`)
    : statusError(vendor, status, 'vendor_rejected', `${vendor.title} rejected the call.`);
}

/** Returns the error for a status that no client handles, or undefined for 2xx, 304, and 4xx except 408 and 429. */
export function unusableStatusError(
  vendor: VendorName,
  status: number,
  headers: ResponseHeaders,
  nowMs: number,
): ValetKeyError | undefined {
  const isOutage = status >= 500 || status === 408;
  if (isOutage || status === 429) {
    const retryAfterSeconds = parseRetryAfter(headers['retry-after'], nowMs);
    return isOutage
      ? statusError(vendor, status, 'vendor_unavailable', `${vendor.title} cannot respond at the moment.`, {
          retryAfterSeconds,
        })
      : statusError(vendor, status, 'vendor_rate_limited', `${vendor.title} accepts no more calls at the moment.`, {
          retryAfterSeconds: retryAfterSeconds ?? 1,
        });
  }
  const isRedirect = status >= 300 && status < 400 && status !== 304;
  if (!isRedirect && status >= 200) return undefined;
  return statusError(vendor, status, 'vendor_response_invalid', invalidDetail(vendor));
}

function statusError(
  { id }: VendorName,
  status: number,
  code: ErrorCode,
  detail: string,
  more: ValetKeyErrorOptions = {},
): ValetKeyError {
  const cause = { type: 'vendor_status', status } as const;
  return new ValetKeyError(code, detail, { reason: `status_${status}`, ...more, vendor: id, cause });
}

function invalidDetail({ title }: VendorName): string {
  return `${title} sent a response that is not as documented.`;
}

/** The most bytes that a response body may have, before and after it is decoded. */
export const maxBodyBytes = 256 * 1024;

/** An unwanted body is read up to these bounds, so that its socket can be used again. A longer one is cut off. */
export const maxUnwantedBytes = 16_384;
export const maxUnwantedMs = 100;

interface CollectOptions {
  readonly vendor: VendorName;
  /** Its listener is called when the deadline or the caller ends the call before its response. */
  readonly deadline: { readonly onEnd: (listener: () => void) => void };
  /** Returns the error for a status that no client handles. */
  readonly unusable: (status: number, headers: ResponseHeaders) => Error | undefined;
}

/**
 * Sends a request and collects the whole response, still encoded as it was sent. It handles undici's own events, because
 * the stream that `request` creates for every body costs more than all else that the door does.
 */
export function collectResponse(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  options: CollectOptions,
): Promise<VendorResponse> {
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(request, new ResponseCollector(options, resolve, reject));
  });
}

class ResponseCollector implements Dispatcher.DispatchHandler {
  readonly #options: CollectOptions;
  readonly #resolve: (response: VendorResponse) => void;
  readonly #reject: (failure: unknown) => void;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: ResponseHeaders = {};
  #length = 0;
  /** Why this response is no longer wanted. */
  #failure: Error | undefined;
  #unwantedTimer: NodeJS.Timeout | undefined;

  constructor(
    options: CollectOptions,
    resolve: (response: VendorResponse) => void,
    reject: (failure: unknown) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    options.deadline.onEnd(() => this.#end());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure !== undefined) controller.abort(this.#failure);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    const unusable = this.#options.unusable(status, headers);
    if (unusable === undefined) return;
    this.#fail(unusable);
    this.#unwantedTimer = setTimeout(() => this.#abort(unusable), maxUnwantedMs);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#failure !== undefined) {
      if (this.#length > maxUnwantedBytes) this.#abort(this.#failure);
    } else if (this.#length > maxBodyBytes) {
      this.#abort(invalidResponseError(this.#options.vendor, 'body_too_long'));
    } else {
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    clearTimeout(this.#unwantedTimer);
    const [first] = this.#chunks;
    const body = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#length);
    this.#resolve({ vendor: this.#options.vendor, status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, failure: Error): void {
    clearTimeout(this.#unwantedTimer);
    this.#reject(failure);
  }

  /** Ends the call before its response. A call that still waits for a socket is aborted when it receives one. */
  #end(): void {
    const ended = new Error('The call was ended.');
    this.#fail(ended);
    this.#abort(ended);
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    this.#reject(failure);
  }

  #abort(failure: Error): void {
    this.#controller?.abort(failure);
  }
}
