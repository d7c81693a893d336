import { randomUUID } from 'node:crypto';
import { sandboxMarker, type Clock } from '@valetkey/core-types';
import type { TokenFlaw } from '../../engine/responses.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';
import type { SigningKeys } from '../../engine/signing-keys.ts';

export interface VitalTokenDependencies {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  /** Returns the `iss` of access tokens. */
  readonly issuer: () => string;
  /** Returns the `aud` of access tokens. */
  readonly audience: () => string;
}

export interface VitalTeam {
  readonly id: string;
  readonly region: 'us' | 'eu';
  readonly environment: 'sandbox' | 'production';
}

/** The parts of a valid user token that its exchange needs. */
export interface SignIn {
  readonly tokenId: string;
  readonly userId: string;
  readonly tenantId: string;
}

export type VitalTokens = ReturnType<typeof createVitalTokens>;

export const vitalAccessLifetimeSeconds = 3600;
const signInLifetimeSeconds = 3600;
const signInAudience = 'https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit';

/**
 * Signs and verifies Vital's tokens: the sign-in token that a backend receives, with a user token (a JWT) inside it, and the access
 * token of an app.
 */
export function createVitalTokens({ clock, keys, issuer, audience }: VitalTokenDependencies, team: VitalTeam) {
  const shortStage = team.environment === 'sandbox' ? 'stg' : 'prd';
  const stage = `${shortStage}-${team.region}`;
  const signer = `id-signer-${stage}@vital-id-${stage}.iam.gserviceaccount.com`;
  const tenantId = `sandbox-tenant-${team.region}`;
  const publicKey = `${sandboxMarker}-vital-public-key`;

  async function signInToken(userId: string, flaw: TokenFlaw | undefined): Promise<string> {
    const iat = nowSeconds(clock);
    const claims = {
      iss: signer,
      sub: signer,
      aud: signInAudience,
      iat,
      exp: iat + signInLifetimeSeconds,
      jti: randomUUID(),
      uid: userId,
      tenant_id: tenantId,
      claims: { vital_team_id: team.id },
    };
    // The SDKs accept a header of exactly `alg` and `typ`.
    const userToken = await keys.sign(claims, { withKeyId: false, flaw });
    return Buffer.from(JSON.stringify({ public_key: publicKey, user_token: userToken })).toString('base64');
  }

  /** Resolves to the parts of a user token, or to undefined for any other token. */
  async function verifySignIn(userToken: string): Promise<SignIn | undefined> {
    const claims = await keys.verify(userToken);
    if (claims?.iss !== signer || typeof claims['uid'] !== 'string' || claims.jti === undefined) return undefined;
    return { tokenId: claims.jti, userId: claims['uid'], tenantId: String(claims['tenant_id']) };
  }

  function accessToken(userId: string, flaw: TokenFlaw | undefined): Promise<string> {
    const iat = nowSeconds(clock);
    const claims = {
      iss: issuer(),
      aud: audience(),
      sub: userId,
      // Claims of Google's Identity Platform, which the older SDKs read.
      user_id: userId,
      firebase: { tenant: tenantId, sign_in_provider: 'custom', identities: {} },
      auth_time: iat,
      iat,
      exp: iat + vitalAccessLifetimeSeconds,
      jti: randomUUID(),
    };
    return keys.sign(claims, { flaw });
  }

  /** Resolves to the user of an access token, or to undefined for any other token. */
  async function verifyAccessToken(token: string): Promise<string | undefined> {
    const claims = await keys.verify(token);
    return claims?.iss === issuer() ? claims.sub : undefined;
  }

  return { publicKey, tenantId, signInToken, verifySignIn, accessToken, verifyAccessToken };
}
