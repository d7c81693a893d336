import { requireStringFields } from '../answer.ts';
import type { ValetClient } from '../client.ts';

/** What Nabla's SDK expects from its session token provider. */
export interface NablaSessionTokens {
  accessToken: string;
  refreshToken: string;
}

/**
 * Creates the provider that Nabla's SDK calls for session tokens: when the patient first authenticates, and when the
 * refresh token on the device has expired. Each call reaches Nabla; no token is stored.
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
    const fields = requireStringFields(answer, 'access_token', 'refresh_token');
    return { accessToken: fields.access_token, refreshToken: fields.refresh_token };
  };
}
