import { claimsOf, decodeBase64, parseObject } from '../session/jwt-claims.ts';
import { ValetError } from '../errors/valet-error.ts';

/** What a sign-in token of Vital says. Its signature is not checked: Vital itself checks it at the exchange. */
export interface VitalSignInToken {
  /** The JWT inside, which Vital exchanges. */
  readonly userToken: string;
  readonly userId: string;
  readonly environment: string;
  readonly region: string;
}

/** Source: the JWT decoding of Vital's SDKs for iOS and Android. */
const signer = /^id-signer-([a-z]+)-(us|eu)@vital-id-\1-\2\.iam\.gserviceaccount\.com$/;
const environments: Readonly<Record<string, string>> = { prd: 'production', stg: 'sandbox' };

/** Reads a sign-in token. Throws `invalid_request` for any other text. */
export function readSignInToken(signInToken: unknown): VitalSignInToken {
  const outer = typeof signInToken === 'string' ? parseObject(decodeBase64(signInToken)) : undefined;
  const userToken = outer?.['user_token'];
  const claims = claimsOf(userToken);
  const [, stage = '', region] = signer.exec(String(claims?.['iss'])) ?? [];
  const userId = claims?.['uid'];
  if (typeof userToken !== 'string' || typeof userId !== 'string' || userId === '' || region === undefined) {
    throw new ValetError('invalid_request', 'The value is not a sign-in token of Vital.', {
      remediation: 'Pass the `sign_in_token` of the broker, unchanged.',
      vendor: 'vital',
    });
  }
  return { userToken, userId, environment: environments[stage] ?? stage, region };
}
