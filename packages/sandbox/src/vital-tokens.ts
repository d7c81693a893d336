import { randomUUID } from 'node:crypto';
import { sandboxMarker } from '@valetkey/core-types';
import type { TokenFlaw } from './answer.ts';
import { createSigningKeys } from './keys.ts';
import { nowSeconds, type SimulationEnvironment } from './simulation.ts';

export type VitalRegion = 'us' | 'eu';
export type VitalEnvironment = 'sandbox' | 'production';

export const vitalAccessLifetimeSeconds = 3600;
const signInLifetimeSeconds = 3600;

/** What a sign-in token says once it is verified. */
export interface SignIn {
  readonly tokenId: string;
  readonly userId: string;
  readonly tenantId: string;
}

export type VitalTokens = ReturnType<typeof createVitalTokens>;

/** Makes and checks Vital's tokens: the sign-in token that a backend gets, and the access token that an app has. */
export const createVitalTokens = (
  { clock, origin }: SimulationEnvironment,
  { region, stage, teamId }: { region: VitalRegion; stage: VitalEnvironment; teamId: string },
) => {
  const keys = createSigningKeys(clock, ['RS256']);
  const shortStage = stage === 'sandbox' ? 'stg' : 'prd';
  const signer = `id-signer-${shortStage}-${region}@vital-id-${shortStage}-${region}.iam.gserviceaccount.com`;
  const tenantId = `sandbox-tenant-${region}`;
  const publicKey = `${sandboxMarker}-vital-public-key`;

  return {
    keys,
    publicKey,
    tenantId,

    signInToken: async (userId: string, flaw: TokenFlaw | undefined): Promise<string> => {
      const iat = nowSeconds(clock);
      const userToken = await keys.sign(
        {
          iss: signer,
          sub: signer,
          aud: 'https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit',
          iat,
          exp: iat + signInLifetimeSeconds,
          jti: randomUUID(),
          uid: userId,
          tenant_id: tenantId,
          claims: { vital_team_id: teamId },
        },
        // The SDKs take exactly `alg` and `typ` for a header.
        { withKeyId: false, flaw },
      );
      return Buffer.from(JSON.stringify({ public_key: publicKey, user_token: userToken })).toString('base64');
    },

    verifySignIn: async (userToken: string): Promise<SignIn | undefined> => {
      const claims = await keys.verify(userToken);
      if (claims?.iss !== signer || typeof claims['uid'] !== 'string' || claims.jti === undefined) return undefined;
      return { tokenId: claims.jti, userId: claims['uid'], tenantId: String(claims['tenant_id']) };
    },

    accessToken: (userId: string, flaw: TokenFlaw | undefined): Promise<string> => {
      const iat = nowSeconds(clock);
      return keys.sign(
        {
          iss: `${origin()}/vital-auth`,
          aud: `${origin()}/vital`,
          sub: userId,
          // What Google's Identity Platform, and so the older SDKs, look for.
          user_id: userId,
          firebase: { tenant: tenantId, sign_in_provider: 'custom', identities: {} },
          auth_time: iat,
          iat,
          exp: iat + vitalAccessLifetimeSeconds,
          jti: randomUUID(),
        },
        { flaw },
      );
    },

    /** The user of an access token. */
    verifyAccessToken: async (token: string): Promise<string | undefined> => {
      const claims = await keys.verify(token);
      return claims?.iss === `${origin()}/vital-auth` ? claims.sub : undefined;
    },
  };
};
