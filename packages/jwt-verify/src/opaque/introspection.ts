import type { Issuer } from '@valetkey/core-types';
import { FetchFailure, fetchJson, type FetchDependencies } from '../provider-http/fetch-json.ts';
import { isJsonObject, type JsonObject } from '../token/token-text.ts';

type Introspection = NonNullable<Issuer['introspection']>;

/** Encodes a client id or secret as RFC 6749 section 2.3.1 requires for HTTP Basic authentication. */
function formEncode(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice('v='.length);
}

/**
 * Introspects a token (RFC 7662 section 2). Resolves to the token's claims, or to undefined if the token is not active.
 *
 * @throws {FetchFailure} If the provider gives no usable response, or refuses the client id and secret.
 */
export async function introspectToken(
  { endpoint, clientId, clientSecret, authentication }: Introspection,
  token: string,
  http: FetchDependencies,
): Promise<JsonObject | undefined> {
  const form = new URLSearchParams({ token, token_type_hint: 'access_token' });
  const headers = new Headers();
  if (authentication === 'client_secret_basic') {
    const pair = `${formEncode(clientId)}:${formEncode(clientSecret.reveal())}`;
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  } else {
    form.set('client_id', clientId);
    form.set('client_secret', clientSecret.reveal());
  }
  const response = await fetchJson(endpoint, { method: 'POST', headers, body: form }, http);
  if (!isJsonObject(response) || typeof response['active'] !== 'boolean') throw new FetchFailure('not_introspection');
  if (!response['active']) return undefined;
  // Some providers write each member that the standard names, and null for those that are absent.
  return Object.fromEntries(Object.entries(response).filter(([, value]) => value !== null));
}
