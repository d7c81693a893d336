import { requireStringFields } from '../answer.ts';
import type { IssueParameters, ValetClient } from '../client.ts';

/**
 * Creates the function that `Nudge.registerRefreshToken` expects: it resolves with a short-lived token, or with null when
 * it gets none (signed out, offline, refused). It never rejects; `onEvent` of the client receives the code.
 *
 * The token is bound to the company's account, so calls at the same time share one request.
 *
 * @example
 * ```ts
 * import { nudgeRefreshToken } from '@valetkey/client-sdk';
 *
 * Nudge.registerRefreshToken(nudgeRefreshToken(valet));
 * ```
 */
export function nudgeRefreshToken(valet: ValetClient, parameters?: IssueParameters): () => Promise<string | null> {
  return async () => {
    try {
      return requireStringFields(await valet.issue('nudge', parameters, { shared: true }), 'token').token;
    } catch {
      return null;
    }
  };
}
