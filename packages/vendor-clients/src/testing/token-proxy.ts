import type { TokenProxyAbility, Vendor } from '@valetkey/core-types';

/** Returns the proxy of a vendor that is called with a server token. */
export function tokenProxyOf({ id, proxy }: Pick<Vendor, 'id' | 'proxy'>): TokenProxyAbility {
  if (proxy === undefined || 'forward' in proxy) throw new Error(`${id} is not called with a server token.`);
  return proxy;
}
