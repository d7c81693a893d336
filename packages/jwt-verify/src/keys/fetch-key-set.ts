import { FetchFailure, fetchJson, type FetchDependencies } from '../provider-http/fetch-json.ts';
import { maxKeys, parseKeySet, type KeySet } from './key-set.ts';
import type { VerificationKey } from './verification-key.ts';

/**
 * Fetches a key set with at least one usable key.
 *
 * @param known - The keys of the previous set.
 * @throws {FetchFailure} If there is none. If the URL is wrong, its `detail` says what to change.
 */
export async function fetchKeySet(
  url: string,
  known: readonly VerificationKey[],
  http: FetchDependencies,
): Promise<KeySet> {
  let document: unknown;
  try {
    document = await fetchJson(url, {}, http);
  } catch (error) {
    throw error instanceof FetchFailure && error.isMiss ? missedKeySet(url, error.reason) : error;
  }
  const keySet = parseKeySet(document, known);
  if (keySet === undefined) throw notAKeySet(url);
  // A set without a usable key counts as a mistake of the provider: the known keys remain in use.
  if (keySet.keys.length === 0) throw noUsableKeys(url, keySet);
  return keySet;
}

function missedKeySet(url: string, reason: string): FetchFailure {
  // The provider may have a key set there, and asks for fewer calls.
  if (reason === 'status_429') return new FetchFailure(reason);
  const detail =
    reason === 'redirect'
      ? `The URL of the keys, ${url}, redirects to another URL, which is not followed. Set jwksUri to that URL.`
      : `The URL of the keys, ${url}, responded without a key set (${reason}). Set jwksUri to the URL of the provider's JWKS.`;
  return new FetchFailure(reason, { detail });
}

function notAKeySet(url: string): FetchFailure {
  return new FetchFailure('not_a_key_set', {
    detail: `The URL of the keys, ${url}, responded without a JWK Set of at most ${maxKeys} keys. Set jwksUri to the URL of the provider's JWKS, or have the provider withdraw keys that sign no token any more.`,
  });
}

function noUsableKeys(url: string, { refused }: KeySet): FetchFailure {
  const reasons = [...new Set(refused.map(({ reason }) => reason))].join(', ');
  const found = refused.length === 0 ? 'It is empty' : `Each of its keys is refused (${reasons})`;
  return new FetchFailure('no_usable_keys', {
    detail: `The key set of the identity provider at ${url} has no key that can be used. ${found}. Have the provider publish a public key for signatures: RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519.`,
  });
}
