import { requireStringFields } from '../broker-response.ts';
import { checkClient } from '../client-inside.ts';
import type { IssueParameters } from '../call-options.ts';
import type { ClientFor } from '../client.ts';

/**
 * Creates the function that `Nudge.registerRefreshToken` expects. It resolves with a short-lived token, or with null if
 * the call fails, for example because the user is signed out or the device is offline. It never rejects; the client's
 * `onEvent` receives the code of the error.
 *
 * The token is bound to the company's account, so concurrent calls share one request.
 *
 * @example
 * ```ts
 * import { nudgeRefreshToken } from '@valetkey/client-sdk';
 *
 * Nudge.registerRefreshToken(nudgeRefreshToken(valet));
 * ```
 */
export function nudgeRefreshToken(
  valet: ClientFor<'nudge'>,
  parameters?: IssueParameters,
): () => Promise<string | null> {
  checkClient(valet, 'nudgeRefreshToken', 'issue');
  return async () => {
    try {
      return requireStringFields(await valet.issue('nudge', parameters, { shared: true }), 'token').token;
    } catch {
      return null;
    }
  };
}
