import { ValetKeyError, type Principal, type ProxyRequest, type ProxyResponse } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import { describeCall, findAllowedPath, findRefusedCall } from './call-refusal.ts';
import { cacheKeyOf, type Connection } from './connections.ts';
import { boundLifetime } from './issue-token.ts';
import type { OperationDetails } from './perform.ts';

/**
 * Calls a vendor on the principal's behalf, with a credential that the caller never receives. If the vendor refuses a server
 * token, the broker renews it, and sends the call once more unless the body was streamed. `addDetails` is called with the
 * entry of the allow-list that the call matches.
 *
 * Rejects with `operation_not_supported`, `forbidden`, `policy_unavailable`, `vendor_auth_failed` and the vendor codes of the
 * error table.
 */
export async function proxyCall(
  connection: Connection,
  principal: Principal,
  request: ProxyRequest,
  tokens: TokenCache,
  addDetails: (details: OperationDetails) => void = () => undefined,
): Promise<ProxyResponse> {
  const { name, vendor } = connection;
  const { id, proxy: ability } = vendor;
  if (ability === undefined) {
    throw new ValetKeyError('operation_not_supported', `${name} cannot be called through the broker.`, { vendor: id });
  }
  const refused = findRefusedCall(connection, principal, request);
  if (refused !== undefined) throw refused.error;
  addDetails({ path: findAllowedPath(connection, principal, request) });
  await connection.assertDecided?.({ principal, operation: 'proxy', connection: name, ...describeCall(request) });
  if ('forward' in ability) return ability.forward(request);
  const key = { ...ability.tokenKey(principal), connection: name };
  const cacheKey = cacheKeyOf(connection, key);
  const getToken = () =>
    tokens.get(cacheKey, async ({ signal }) => boundLifetime(await ability.issueServerToken(key, { signal })), {
      signal: request.signal,
    });

  const token = await getToken();
  const response = await ability.send(request, token, key);
  if (response !== 'token_refused') return response;

  await tokens.invalidate(cacheKey, token);
  const isReplayable = request.body === undefined || request.body instanceof Uint8Array;
  const secondResponse = isReplayable ? await ability.send(request, await getToken(), key) : 'token_refused';
  if (secondResponse !== 'token_refused') return secondResponse;
  throw new ValetKeyError('vendor_auth_failed', `${name} refused the broker's token.`, {
    vendor: id,
    ...(!isReplayable && { remediation: 'Call again: the body was too large for the broker to send it twice.' }),
  });
}
