import { useMemo, useSyncExternalStore } from 'react';
import { subjectOf } from '../checks/arguments.ts';
import type { IssueParameters } from '../client/call-options.ts';
import type { ValetClient } from '../client/client.ts';
import type { ConnectionName, DescribedConnection, ResponseOf } from '../client/register.ts';
import type { IssueResponse } from '../client/wire.ts';
import { loading, VendorTokenStore } from './vendor-token-store.ts';
import type { VendorToken } from './vendor-token-types.ts';

/**
 * Returns a vendor's token and keeps it valid while the component is mounted: it requests a new one at `refresh_after`. In a
 * hidden page it renews nothing; when the user returns, it renews at once what is due. It sends no request on a server.
 *
 * After a failure that a retry may mend, it asks again after `retryAfterSeconds` of the error, or after 30 seconds. Until the
 * token expires, it stays `ready`.
 *
 * Use it for a token that your own code sends to the vendor. Do not use it for a token that works once, such as Vital's.
 * Throws a `TypeError` if `valet` is no client, and `invalid_request` for parameters that JSON cannot contain.
 *
 * @example
 * ```tsx
 * const { status, response, refresh } = useVendorToken(valet, 'nudge');
 * if (status === 'ready') return <Nudge token={response.token} />;
 * return status === 'error' ? <button onClick={refresh}>Try again</button> : <Spinner />;
 * ```
 */
export function useVendorToken<Name extends DescribedConnection>(
  valet: ValetClient,
  connection: Name,
  parameters?: IssueParameters,
): VendorToken<IssueResponse<ResponseOf<Name>>>;
export function useVendorToken<Fields extends object = Record<string, unknown>>(
  valet: ValetClient,
  connection: ConnectionName,
  parameters?: IssueParameters,
): VendorToken<IssueResponse<Fields>>;
export function useVendorToken(
  valet: ValetClient,
  connection: ConnectionName,
  parameters?: IssueParameters,
): VendorToken<IssueResponse> {
  const subject = subjectOf(connection, parameters);
  // A store of its own for each token: the first rendering after a change never shows the former token.
  const store = useMemo(() => new VendorTokenStore(valet, connection, parameters), [valet, subject]);
  const snapshot = useSyncExternalStore(store.subscribe, store.snapshot, () => loading);
  return store.tokenOf(snapshot);
}
