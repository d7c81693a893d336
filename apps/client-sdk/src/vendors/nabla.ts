import { requireStringFields } from '../broker-response.ts';
import type { ValetClient } from '../client.ts';

/** The result of the session token provider of Nabla's SDK. */
export interface NablaSessionTokens {
  accessToken: string;
  refreshToken: string;
}

/**
 * Creates the session token provider of Nabla's SDK. The SDK calls it when the patient authenticates for the first
 * time, and when the refresh token on the device has expired. Each call requests new tokens from Nabla; the client
 * stores no token.
 *
 * The provider rejects with a {@link ValetError}.
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
    const fields = requireStringFields(await valet.issue('nabla'), 'access_token', 'refresh_token');
    return { accessToken: fields.access_token, refreshToken: fields.refresh_token };
  };
}
