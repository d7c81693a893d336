import { isObject } from './is-object.ts';
import { ValetError } from '../errors/valet-error.ts';

/** Returns the error of a call with an invalid argument. */
export function invalidRequest(message: string, remediation?: string, vendor?: string): ValetError {
  return new ValetError('invalid_request', message, { remediation, vendor });
}

/** Returns the options of a call. Throws `invalid_request` for an unknown option and for a signal that is none. */
export function parseCallOptions<Options extends object>(value: unknown, names: readonly (keyof Options)[]): Options {
  const options = value ?? {};
  if (typeof options !== 'object')
    throw invalidRequest('The options must be an object.', 'Pass an object, or nothing.');
  for (const name of Object.keys(options)) {
    if (names.includes(name as keyof Options)) continue;
    throw invalidRequest('A call has an unknown option.', `Use only the options ${names.join(', ')}.`);
  }
  if ('signal' in options) checkSignal(options.signal);
  return options as Options;
}

function checkSignal(signal: unknown): void {
  if (signal === undefined || signal === null) return;
  const { aborted, addEventListener } = signal as Partial<AbortSignal>;
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return;
  throw invalidRequest('`signal` is not an `AbortSignal`.', 'Pass the `signal` of an `AbortController`.');
}

/** Returns a JSON body with the parameters of a vendor. Throws `invalid_request` for a value that JSON cannot contain. */
export function jsonBody(parameters: unknown, vendor: string): RequestInit {
  if (parameters === undefined || parameters === null) return {};
  if (!isObject(parameters)) {
    throw invalidRequest(
      'The parameters must be an object.',
      "Pass the parameters that the vendor's page lists.",
      vendor,
    );
  }
  if (Object.keys(parameters).length === 0) return {};
  return { headers: { 'content-type': 'application/json' }, body: stringify(parameters, vendor) };
}

/** Returns a text that is the same for calls that request the same token. */
export function subjectOf(vendor: string, parameters: object | undefined): string {
  return stringify([vendor, parameters ?? {}], vendor);
}

/** Returns a value as JSON, for a comparison or a request. */
function stringify(value: unknown, vendor: string): string {
  try {
    return JSON.stringify(value);
  } catch {
    const remediation = 'Pass only strings, numbers, booleans, null, lists and objects, without a cycle.';
    throw invalidRequest('A parameter is not a JSON value.', remediation, vendor);
  }
}

/**
 * Returns the headers of a caller. Throws `invalid_request` for a header that the platform refuses. The message of the
 * platform's own error contains the value of the header.
 */
export function parseHeaders(headers: RequestInit['headers'], vendor?: string): Headers {
  try {
    return new Headers(headers);
  } catch {
    throw invalidRequest(
      'A header has an invalid name or value.',
      'Check for spaces, line breaks and other scripts.',
      vendor,
    );
  }
}

/** Checks the `init` of a proxied call. The platform's `fetch` would refuse it as if the broker were unreachable. */
export function parseInit(init: unknown, vendor: string): RequestInit {
  if (init === undefined || init === null) return {};
  if (typeof init !== 'object')
    throw invalidRequest('`init` must be an object.', 'Pass an object, or nothing.', vendor);
  const { method = 'GET', body, signal } = init as RequestInit;
  checkSignal(signal);
  if (
    typeof method !== 'string' ||
    !/^[\w!#$%&'*+.^`|~-]+$/.test(method) ||
    /^(?:connect|trace|track)$/i.test(method)
  ) {
    throw invalidRequest(
      '`method` is not an HTTP method that `fetch` can send.',
      'Use `GET`, `POST` or similar.',
      vendor,
    );
  }
  if (body === undefined || body === null) return init;
  if (/^(?:get|head)$/i.test(method)) {
    throw invalidRequest(
      'A GET or HEAD request cannot have a body.',
      'Remove `body`, or use another `method`.',
      vendor,
    );
  }
  if (!isStream(body)) return init;
  if ('locked' in body && body.locked) {
    throw invalidRequest(
      'The body is a stream that something else reads.',
      'Pass a stream that nothing has read.',
      vendor,
    );
  }
  return { ...init, duplex: 'half' } as RequestInit;
}

/** Returns whether a body can be sent only once, because it is a stream. */
export function isStream(body: RequestInit['body']): body is ReadableStream {
  return typeof body === 'object' && body !== null && ('getReader' in body || Symbol.asyncIterator in body);
}
