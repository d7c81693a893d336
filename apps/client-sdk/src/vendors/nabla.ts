import { stringFields } from '../answer.ts';
import type { ValetClient } from '../client.ts';

/** What Nabla's SDK takes from its session token provider. */
export interface NablaSessionTokens {
  accessToken: string;
  refreshToken: string;
}

/**
 * Makes the provider that Nabla's SDK asks for session tokens: when the patient first authenticates, and when the
 * refresh token on the device has expired. Each ask reaches Nabla; nothing is kept.
 *
 * Rejects with a {@link ValetError}.
 *
 * @example
 * ```ts
 * import { nablaSessionTokens } from '@valetkey/client-sdk';
 *
 * NablaClient.getInstance().authenticate(userId, nablaSessionTokens(valet));
 * ```
 */
export function nablaSessionTokens(valet: ValetClient): () => Promise<NablaSessionTokens> {
  return async () => {
    const answer = await valet.issue('nabla');
    const fields = stringFields(answer, 'access_token', 'refresh_token');
    return { accessToken: fields.access_token, refreshToken: fields.refresh_token };
  };
}
