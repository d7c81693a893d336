import { Secret, ValetKeyError, type VendorCallEnd } from '@valetkey/core-types';
import type { Dispatcher } from 'undici';
import { z } from 'zod';

/** A vendor's names, `id` for programs and `title` for sentences, and the form of its errors. */
export interface VendorName {
  readonly id: string;
  readonly title: string;
  /**
   * The JSON of the vendor's own errors, or a schema of text if its errors are plain text. Any other 401 or 403 comes from a
   * firewall on the way to the vendor. Default: an object with a customary field, such as `error` or `message`.
   */
  readonly errorBody?: z.ZodType | undefined;
}

/** Header fields by their lower-case names. */
export type ResponseHeaders = Dispatcher.ResponseData['headers'];

/**
 * A vendor's response, read to its end. Its status is 2xx, 304, or 4xx except 407, 408, 425 and 429; other statuses are
 * errors.
 */
export interface VendorResponse {
  readonly vendor: VendorName;
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
}

/** Parses a token as vendors send it into a `Secret`: printable ASCII, so that it fits into a header and a line of text. */
export const tokenSchema = z
  .string()
  .max(16_384)
  .regex(/^[\x21-\x7e]+$/)
  .transform((text) => new Secret(text));

/** Decodes UTF-8, and drops one byte order mark, as RFC 8259 section 8.1 allows. */
const utf8 = new TextDecoder();

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
    value = JSON.parse(utf8.decode(response.body));
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

/** Returns the sentence about a response that is not as documented. */
export function invalidDetail({ title }: VendorName): string {
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

interface CallEnd<Result> {
  readonly statusOf: (result: Result) => number;
  /** Turns what was thrown into the error for the caller. */
  readonly explain: (failure: unknown) => unknown;
  readonly end: (end: VendorCallEnd) => void;
}

/** Reports how a call ends, and returns its result. */
export async function reportEnd<Result>(
  sent: Promise<Result>,
  { statusOf, explain, end }: CallEnd<Result>,
): Promise<Result> {
  let result: Result;
  try {
    result = await sent;
  } catch (failure) {
    end(endOf(explain(failure)));
    throw failure;
  }
  end({ status: statusOf(result) });
  return result;
}

function endOf(failure: unknown): VendorCallEnd {
  if (!ValetKeyError.isInstance(failure)) return { error: 'aborted' };
  const { code, cause } = failure;
  return cause?.type === 'vendor_status' ? { status: cause.status } : { error: code };
}
