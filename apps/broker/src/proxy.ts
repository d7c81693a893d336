import { ValetKeyError, type ProxyRequest, type ProxyResponse } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import { isCallAllowed } from '@valetkey/vendor-clients';
import type { ConnectedVendor } from './connected-vendors.ts';
import type { DecisionSubject } from './decisions.ts';

/**
 * Calls a vendor on the principal's behalf, with a server token that the caller never sees.
 *
 * A token that the vendor refuses is dropped, renewed and tried once more where the body can be sent again. Throws
 * `operation_not_supported`, `forbidden`, `vendor_auth_failed` and the vendor codes of the error table.
 */
export async function proxyCall(
  { vendor }: ConnectedVendor,
  request: ProxyRequest,
  { principal }: DecisionSubject,
  tokens: TokenCache,
): Promise<ProxyResponse> {
  const { id, proxy: ability } = vendor;
  if (ability === undefined) {
    throw new ValetKeyError('operation_not_supported', `${id} cannot be called through the broker.`, { vendor: id });
  }
  if (!isCallAllowed(ability.allow, request.method, request.path)) {
    throw new ValetKeyError('forbidden', `This call is not on the allow-list of ${id}.`, {
      vendor: id,
      remediation: `Ask the operator to add the method and path to vendors.${id}.allow.`,
    });
  }
  const key = ability.tokenKey(principal);
  const getToken = () =>
    tokens.get(key, ({ signal }) => ability.issueServerToken(key, { signal }), { signal: request.signal });

  const token = await getToken();
  const response = await ability.send(request, token);
  if (response !== 'token_refused') return response;

  await tokens.invalidate(key, token);
  const replayable = request.body === undefined || request.body instanceof Uint8Array;
  const second = replayable ? await ability.send(request, await getToken()) : 'token_refused';
  if (second !== 'token_refused') return second;
  throw new ValetKeyError('vendor_auth_failed', `${id} refused the broker's token.`, {
    vendor: id,
    ...(replayable ? {} : { remediation: 'Call again: the body was too large to be sent a second time by itself.' }),
  });
}
