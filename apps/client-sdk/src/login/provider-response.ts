import { originOf } from '../broker-url.ts';
import { parseRetryAfterSeconds } from '../broker-response.ts';
import type { ValetError } from '../valet-error.ts';
import { loginError } from './login-errors.ts';

/** Throws if a response came from another place than the URL that was called, which is never the provider's word. */
export function checkPlace(url: string, response: Response): void {
  const { type, status, redirected, url: from } = response;
  const isRedirect = type === 'opaqueredirect' || redirected || (status >= 300 && status < 400);
  // React Native follows redirects although the request forbids them.
  if (!isRedirect && (!from || originOf(from) === originOf(url))) return;
  throw loginError('network_unavailable', 'The identity provider, or something before it, responded with a redirect.');
}

/** Resolves with the text of a response. Rejects with `network_unavailable` if it ends too early. */
export async function readText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch {
    throw loginError('network_unavailable', 'The response of the identity provider ended too early.');
  }
}

/** The error codes with which a provider says that a grant has ended (RFC 6749 section 5.2, and Authgear's own API). */
const endedGrant = new Set(['invalid_grant', 'InvalidGrant']);
/** The error codes that say that the provider cannot respond now, in Authgear's words as well. */
const temporary = new Set(['server_error', 'temporarily_unavailable', 'x_rate_limited', 'slow_down']);
/** The error codes that are about the client and its request. */
const refusedClient = new Set([
  'invalid_client',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
]);

/** Returns the error code in the body of a response, which may also have the form of Authgear's own API. */
function errorCodeOf(text: string): string | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { error } = (body ?? {}) as { error?: unknown };
  const code = typeof error === 'object' ? (error as { reason?: unknown } | null)?.reason : error;
  return typeof code === 'string' ? code : undefined;
}

/**
 * Returns the error that a response of the provider means. Only the provider's own refusal of the grant is `signed_out`:
 * nothing else that can happen on the way signs a user out.
 */
export function refusalOf(response: Response, text: string, nowMs: number): ValetError {
  const { status } = response;
  const details = { status, retryAfterSeconds: parseRetryAfterSeconds(response, nowMs) };
  const code = errorCodeOf(text);
  if (status === 429 || status >= 500 || temporary.has(code ?? '')) {
    return loginError('identity_unavailable', `The identity provider cannot respond now (HTTP ${status}).`, details);
  }
  if (status >= 400 && endedGrant.has(code ?? '')) {
    return loginError('signed_out', 'The identity provider has ended the session.', { status });
  }
  if (status >= 400 && refusedClient.has(code ?? '')) {
    const message = `The identity provider refused the client (HTTP ${status}).`;
    return loginError('configuration_invalid', message, { status });
  }
  return loginError('response_invalid', `The response (HTTP ${status}) is not one of an OpenID provider.`, details);
}
