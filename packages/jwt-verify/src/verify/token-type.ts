import type { Issuer } from '@valetkey/core-types';
import { refuse } from '../token/refusals.ts';
import type { JsonObject } from '../token/strict-json.ts';
import type { TokenHeader } from '../token/token-header.ts';

/** Claims that stand in ID tokens alone (OpenID Connect Core 1.0, sections 2 and 3.3.2.11). */
const idTokenClaims = ['nonce', 'at_hash', 'c_hash', 's_hash'];

function isIdToken(claims: JsonObject): boolean {
  return (
    claims['token_use'] === 'id' ||
    claims['typ'] === 'ID' ||
    idTokenClaims.some((claim) => Object.hasOwn(claims, claim))
  );
}

/** Kinds of JWT that look like access tokens from afar, by claims of their own. */
function isOtherKind(claims: JsonObject): boolean {
  const kind = claims['typ'];
  return Object.hasOwn(claims, 'events') || kind === 'Refresh' || kind === 'Offline' || kind === 'Logout';
}

/** Whether a token is of the kind that its issuer's record takes (RFC 8725, sections 3.11 and 3.12). */
export function checkTokenType({ tokenType }: Issuer, { type }: TokenHeader, claims: JsonObject): void {
  const plain = type === undefined || type === 'jwt';
  if (tokenType === 'access') {
    if (type === 'at+jwt') return;
    throw refuse(
      'wrong_token_type',
      'The token is not marked as an access token: its header must say typ at+jwt.',
      "Send the access token, not the ID token. If this provider never marks its access tokens, set the issuer's tokenType to 'any'.",
    );
  }
  if (tokenType === 'id') {
    if (plain && !isOtherKind(claims) && claims['token_use'] !== 'access') return;
    throw refuse('wrong_token_type', 'The token is not an ID token.', 'Send the ID token of the signed-in user.');
  }
  if (type === 'at+jwt' || (plain && !isIdToken(claims) && !isOtherKind(claims))) return;
  throw refuse(
    'wrong_token_type',
    'The token is not an access token.',
    'Send the access token, not the ID token nor any other token of the provider.',
  );
}
