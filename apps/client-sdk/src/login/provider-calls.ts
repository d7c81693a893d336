import { loginError } from './login-errors.ts';
import type { ParsedLoginOptions } from './login-options.ts';
import { isSecure, parseUrl } from './secure-url.ts';
import type { ValetError } from '../valet-error.ts';

/** Sends requests to the provider. Each function resolves with the body, or rejects with the error that it means. */
export interface ProviderCalls {
  readonly get: (url: unknown, options: RequestInit) => Promise<string>;
  readonly post: (url: unknown, form: Readonly<Record<string, string>>, options: RequestInit) => Promise<string>;
}

export function createProviderCalls({ fetch }: Pick<ParsedLoginOptions, 'fetch'>): ProviderCalls {
  async function send(endpoint: unknown, init: RequestInit): Promise<string> {
    const url = endpointOf(endpoint);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url.href, { ...init, redirect: 'manual', credentials: 'omit' });
      text = await response.text();
    } catch {
      throw loginError('network_unavailable', 'The identity provider is unreachable.');
    }
    if (isFromElsewhere(url, response)) throw loginError('network_unavailable', 'The provider sent a redirect.');
    if (response.status !== 200) throw refusalOf(response, text);
    return text;
  }

  const accept = 'application/json';
  return {
    get: (url, options) => send(url, { ...options, headers: { accept, ...options.headers } }),
    post: (url, form, options) => {
      const headers = { accept, 'content-type': 'application/x-www-form-urlencoded' };
      return send(url, { ...options, method: 'POST', headers, body: new URLSearchParams(form).toString() });
    },
  };
}

/** Returns the URL of an endpoint in the metadata. Throws `response_invalid` if there is none that is encrypted. */
export function endpointOf(endpoint: unknown): URL {
  const url = parseUrl(endpoint);
  if (url === undefined || !isSecure(url)) throw notConform('The provider has no such endpoint for apps.');
  return url;
}

/** Returns whether a response redirects, or came from another host: React Native follows redirects all the same. */
export function isFromElsewhere({ origin }: URL, { type, status, redirected, url }: Response): boolean {
  const isRedirect = type === 'opaqueredirect' || redirected || (status >= 300 && status < 400);
  return isRedirect || (Boolean(url) && parseUrl(url)?.origin !== origin);
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

export function notConform(message = 'The response is not a valid one of this OpenID provider.'): ValetError {
  return loginError('response_invalid', message);
}

/**
 * Returns the error that a response of the provider means. Only the provider's own refusal of the grant is `signed_out`:
 * nothing else that can happen on the way signs a user out.
 */
function refusalOf({ status, headers }: Response, text: string): ValetError {
  const seconds = headers.get('retry-after') ?? '';
  const details = { status, ...(/^\d{1,9}$/.test(seconds) && { retryAfterSeconds: Number(seconds) }) };
  const { error } = parseObject(text);
  // Authgear's own API puts the code into an object.
  const code = (error as { reason?: unknown } | undefined)?.reason ?? error;
  const isOneOf = (codes: string) => typeof code === 'string' && codes.split(' ').includes(code);
  if (status === 429 || status >= 500 || isOneOf(temporary)) {
    return loginError('identity_unavailable', `The identity provider cannot respond now (HTTP ${status}).`, details);
  }
  if (status >= 400 && isOneOf(endedGrant)) {
    return loginError('signed_out', 'The identity provider has ended the session.', details);
  }
  if (status >= 400 && isOneOf(refusedClient)) {
    return loginError('configuration_invalid', `The identity provider refused the client (HTTP ${status}).`, details);
  }
  return loginError('response_invalid', `The response (HTTP ${status}) is not one of an OpenID provider.`, details);
}

/** What says that a grant has ended (RFC 6749 section 5.2, and Authgear's own API). */
const endedGrant = 'invalid_grant InvalidGrant';
/** What says that the provider cannot respond now, in Authgear's words as well. */
const temporary = 'server_error temporarily_unavailable slow_down x_rate_limited';
/** What is about the client and its request. */
const refusedClient =
  'invalid_client invalid_request invalid_scope invalid_target unauthorized_client unsupported_grant_type';
