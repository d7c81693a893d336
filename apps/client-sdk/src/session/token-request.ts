import { originOf } from '../http/broker-url.ts';
import { parseObject } from './jwt-claims.ts';
import { isRedirect } from '../http/redirects.ts';
import { ValetError } from '../errors/valet-error.ts';

/** A vendor's endpoint for tokens, as data. */
export interface TokenEndpoint {
  /** The vendor's id, for errors. */
  readonly vendor: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body: URLSearchParams | Readonly<Record<string, string>>;
  /**
   * Returns what a refusal means: `signed_out` if the session has ended, `reauthentication_required` if the same user must sign in
   * again, or undefined for any other refusal. `body` is the JSON of the response, or undefined.
   */
  readonly refusalOf?: ((status: number, body: unknown) => Refusal | undefined) | undefined;
}

export type Refusal = 'signed_out' | 'reauthentication_required';

/**
 * Requests tokens from a vendor and resolves with the object in its response. Never follows a redirect.
 *
 * Rejects with `network_unavailable`, `vendor_rate_limited`, `vendor_unavailable`, `vendor_rejected`,
 * `vendor_response_invalid`, or with what `refusalOf` returns. No message contains text of the vendor.
 */
export async function requestTokens(
  endpoint: TokenEndpoint,
  { fetch, signal }: { readonly fetch: typeof globalThis.fetch; readonly signal: AbortSignal },
): Promise<Record<string, unknown>> {
  const { vendor } = endpoint;
  const { response, text } = await send(endpoint, fetch, signal);
  const { ok, status, headers } = response;
  const body = parseObject(text);
  // React Native follows redirects all the same.
  const isFromElsewhere = isRedirect(response) || (response.url && originOf(response.url) !== originOf(endpoint.url));
  if (isFromElsewhere) throw unavailable(response, vendor);
  if (ok && body !== undefined) return body;
  if (status === 429 || status >= 500 || isPage(headers)) throw unavailable(response, vendor);
  const code = ok ? 'vendor_response_invalid' : (endpoint.refusalOf?.(status, body) ?? 'vendor_rejected');
  const what = ok ? 'responded with no JSON object' : 'refused the request';
  throw new ValetError(code, `The vendor ${what} (HTTP ${status}).`, { status, vendor });
}

async function send(
  { url, headers, body, vendor }: TokenEndpoint,
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
) {
  const isForm = body instanceof URLSearchParams;
  const type = isForm ? 'application/x-www-form-urlencoded' : 'application/json';
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': type, ...headers },
      body: isForm ? body.toString() : JSON.stringify(body),
      signal,
      redirect: 'manual',
      credentials: 'omit',
      cache: 'no-store',
    });
    return { response, text: await response.text() };
  } catch {
    throw new ValetError('network_unavailable', 'The vendor is unreachable, or its response ended too early.', {
      vendor,
    });
  }
}

/** Returns whether a response is a web page: that of a network on which the user has to sign in first, or of a firewall. */
function isPage(headers: Headers): boolean {
  return (headers.get('content-type') ?? '').startsWith('text/html');
}

function unavailable({ status, headers }: Response, vendor: string): ValetError {
  const seconds = headers.get('retry-after') ?? '';
  const code = status === 429 ? 'vendor_rate_limited' : 'vendor_unavailable';
  return new ValetError(code, `The vendor did not serve the request (HTTP ${status}).`, {
    status,
    vendor,
    retryable: true,
    retryAfterSeconds: /^\d{1,6}$/.test(seconds) ? Number(seconds) : undefined,
  });
}
