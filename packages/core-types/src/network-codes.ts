/** The code of the network error for a host whose address may not be called. */
export const addressRefused = 'EGRESS_REFUSED';

/** The code of the network error for a proxy that opens no tunnel. */
export const proxyRefused = 'PROXY_REFUSED';

/**
 * The code of the network error for a call that was sent over an idle TCP connection which the network had dropped, before
 * any part of a response arrived. It says nothing about the server.
 */
export const connectionDropped = 'CONNECTION_DROPPED';

/** What an operator can do about a network error of the egress, by its code. */
export const egressAdvice: Readonly<Record<string, string>> = {
  [addressRefused]:
    'If the host is meant to have a private address, list the host or its network in `egress.allow`. Metadata addresses are never called.',
  [proxyRefused]:
    'Check the address and the credentials of the proxy (`egress.proxy`, or HTTPS_PROXY), and whether it allows this host. `egress.noProxy` lists hosts that are called directly.',
};
