import { loginError, providerError } from './login-errors.ts';
import type { ParsedLoginOptions } from './login-options.ts';
import { isRedirect } from '../http/redirects.ts';
import { isSecure, parseUrl } from './secure-url.ts';
import type { ValetError } from '../errors/valet-error.ts';

/** Sends requests to the provider. Each function resolves with the body, or rejects with the error that it means. */
export interface ProviderCalls {
  /** With an access token, the response may also be a refusal of it: `invalid_token` or `forbidden`. */
  readonly get: (url: unknown, signal: AbortSignal, accessToken?: string) => Promise<string>;
  /** The response may be a refusal of the grant in `form`, which is `signed_out`. */
  readonly post: (url: unknown, form: Readonly<Record<string, string>>, options: RequestInit) => Promise<string>;
}

export function createProviderCalls({ fetch }: Pick<ParsedLoginOptions, 'fetch'>): ProviderCalls {
  async function send(endpoint: unknown, init: RequestInit, refusal: Refusal): Promise<string> {
    const url = endpointOf(endpoint);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url.href, { ...init, redirect: 'manual', credentials: 'omit' });
      text = await response.text();
    } catch {
      throw loginError('network_unavailable', 'The server is unreachable.');
    }
    if (isFromElsewhere(url, response)) {
      throw loginError('network_unavailable', 'The server responded with a redirect.');
    }
    if (response.status !== 200) throw refusalOf(response, refusal(text, response.status));
    return text;
  }

  const accept = 'application/json';
  return {
    get: (url, signal, accessToken) => {
      const headers = { accept, ...(accessToken && { authorization: `Bearer ${accessToken}` }) };
      return send(url, { signal, headers }, (_, status) => (accessToken ? refusedTokens[status] : undefined));
    },
    post: (url, form, options) => {
      const headers = { accept, 'content-type': 'application/x-www-form-urlencoded' };
      const body = new URLSearchParams(form).toString();
      return send(url, { ...options, method: 'POST', headers, body }, refusedGrant);
    },
  };
}

/** Returns the word of the provider in a response with an error status. */
type Refusal = (text: string, status: number) => unknown;

const refusedTokens: Readonly<Record<number, string>> = { 401: 'invalid_token', 403: 'insufficient_scope' };

/** Authgear's own API puts the word into an object. */
const refusedGrant: Refusal = (text) => {
  const { error } = parseObject(text);
  return (error as { reason?: unknown } | undefined)?.reason ?? error;
};

/** Returns the URL of an endpoint in the metadata. Throws `response_invalid` if there is none that is encrypted. */
export function endpointOf(endpoint: unknown): URL {
  const url = parseUrl(endpoint);
  if (url === undefined || !isSecure(url)) throw notConform();
  return url;
}

/** Returns whether a response redirects, or came from another host: React Native follows redirects all the same. */
export function isFromElsewhere({ origin }: URL, response: Response): boolean {
  const { url } = response;
  return isRedirect(response) || (Boolean(url) && parseUrl(url)?.origin !== origin);
}

/** Returns the JSON object in a text, or an empty one. */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

export function notConform(): ValetError {
  const message = 'The response is not a valid one of this OpenID provider, or the clock of the device is wrong.';
  return loginError('response_invalid', message);
}

/**
 * Returns the error that a response of the provider means. Only its own word is a refusal: nothing else that can happen on
 * the way signs a user out.
 */
function refusalOf({ status, headers }: Response, word: unknown): ValetError {
  const seconds = headers.get('retry-after') ?? '';
  const details = { status, ...(/^\d{1,9}$/.test(seconds) && { retryAfterSeconds: Number(seconds) }) };
  const isTemporary = status === 429 || status >= 500;
  const otherwise = isTemporary ? 'identity_unavailable' : 'response_invalid';
  return providerError(isTemporary || status < 400 ? undefined : word, otherwise, details);
}
