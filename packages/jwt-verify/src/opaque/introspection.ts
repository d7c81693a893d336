import type { Issuer } from '@valetkey/core-types';
import { FetchFailure, fetchJson, type FetchBounds } from '../provider-http/fetch-json.ts';
import { isJsonObject, type JsonObject } from '../token/strict-json.ts';

type Introspection = NonNullable<Issuer['introspection']>;

/** As RFC 6749, section 2.3.1 wants credentials written before they are joined. */
function formEncode(text: string): string {
  return new URLSearchParams({ v: text }).toString().slice('v='.length);
}

/**
 * Asks the provider about a token (RFC 7662, section 2). Answers its claims; `undefined` for one that is not active.
 *
 * @throws {FetchFailure} Where the provider gives no usable answer, or refuses our own credentials.
 */
export async function introspectToken(
  { endpoint, clientId, clientSecret, authentication }: Introspection,
  token: string,
  bounds: FetchBounds,
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
  const answer = await fetchJson(endpoint, { method: 'POST', headers, body: form }, bounds);
  if (!isJsonObject(answer) || typeof answer['active'] !== 'boolean') throw new FetchFailure('not_introspection');
  return answer['active'] ? answer : undefined;
}
