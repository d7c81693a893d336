import { randomUUID } from 'node:crypto';
import { sandboxMarker, type Clock } from '@valetkey/core-types';
import { z } from 'zod';
import type { TokenFlaw } from '../engine/responses.ts';
import { nowSeconds } from '../engine/now-seconds.ts';
import type { SigningKeys } from '../engine/signing-keys.ts';

export const devTokenSchema = z.strictObject({
  sub: z.string().describe('The id of the user: the `sub` of the token.'),
  claims: z
    .record(z.string(), z.json())
    .default({})
    .describe('Further claims of the token. Each replaces the claim of the same name.'),
  scope: z.string().default('openid').describe('The `scope` of the token.'),
  audience: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .describe('The `aud` of the token. Default: `valetkey`, or what `setTokenAudiences` set.'),
  expires_in: z
    .number()
    .int()
    .default(3600)
    .describe('The seconds until the token expires. A negative number makes a token that has already expired.'),
  algorithm: z.enum(['RS256', 'ES256', 'EdDSA']).default('RS256').describe('The algorithm of the signature.'),
  issuer: z
    .string()
    .optional()
    .describe('The `iss` of the token. Default: the issuer of this identity provider, or what `setTokenIssuer` set.'),
  typ: z.string().default('at+jwt').describe('The `typ` of the header of the token.'),
});

/** A request for an access token of the simulated identity provider: `sub`, and the fields that differ from the defaults. */
export type DevTokenRequest = z.input<typeof devTokenSchema>;

/** The names in access tokens, if a configuration is rehearsed that expects others than those of the sandbox. */
export interface AccessTokenNames {
  issuer?: string;
  audiences?: string[];
}

export interface IdpTokenDependencies {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  readonly issuer: () => string;
  readonly names: Readonly<AccessTokenNames>;
}

/** A user who has signed in at a client of the identity provider. */
export interface IdpLogin {
  readonly sub: string;
  readonly clientId: string;
  readonly scope: string;
  readonly nonce: string | undefined;
}

/** Signs an access token (RFC 9068). */
export function signAccessToken(
  request: z.output<typeof devTokenSchema>,
  flaw: TokenFlaw | undefined,
  { clock, keys, issuer, names }: IdpTokenDependencies,
): Promise<string> {
  const iat = nowSeconds(clock);
  const claims = {
    iss: request.issuer ?? names.issuer ?? issuer(),
    aud: request.audience ?? names.audiences ?? 'valetkey',
    sub: request.sub,
    client_id: `${sandboxMarker}-app`,
    // An expired token was issued before it expired.
    iat: Math.min(iat, iat + request.expires_in - 1),
    exp: iat + request.expires_in,
    jti: randomUUID(),
    scope: request.scope,
    ...request.claims,
  };
  return keys.sign(claims, { algorithm: request.algorithm, typ: request.typ, flaw });
}

/** Signs both tokens of a login: an access token, and an ID token for the client. */
export async function signLoginTokens(
  { sub, clientId, scope, nonce }: IdpLogin,
  flaw: TokenFlaw | undefined,
  dependencies: IdpTokenDependencies,
) {
  const request = devTokenSchema.parse({ sub, scope, claims: { client_id: clientId } });
  const { clock, keys, issuer } = dependencies;
  const iat = nowSeconds(clock);
  const idClaims = { iss: issuer(), aud: clientId, sub, iat, exp: iat + request.expires_in, ...(nonce && { nonce }) };
  const idToken = await keys.sign(idClaims, { flaw });
  return {
    access_token: await signAccessToken(request, flaw, dependencies),
    id_token: idToken,
    token_type: 'Bearer',
    expires_in: request.expires_in,
    scope,
  };
}
