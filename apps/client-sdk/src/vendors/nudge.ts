import { stringFields } from '../answer.ts';
import type { IssueParameters, ValetClient } from '../client.ts';

/**
 * Makes the function that `Nudge.registerRefreshToken` wants: it answers a short-lived token, or null when there is
 * none to be had (signed out, offline, refused). It never throws; `onEvent` of the client sees why.
 *
 * The token speaks for the company's account, so calls at the same time share one request.
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
      return stringFields(await valet.issue('nudge', parameters, { shared: true }), 'token').token;
    } catch {
      return null;
    }
  };
}
