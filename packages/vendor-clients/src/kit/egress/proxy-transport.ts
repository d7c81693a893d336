import { proxyRefused, proxyUnreachable } from '@valetkey/core-types';
import { Pool, ProxyAgent, type buildConnector, type Dispatcher } from 'undici';

/** The most time to open a TCP connection to the proxy, in milliseconds: it is near, and the host needs time as well. */
const maxProxyConnectMs = 2_500;

/** The parts of the transport to one origin through the proxy. */
export interface ProxyTransport {
  readonly proxyUrl: string;
  /** The options of the connections through the proxy. */
  readonly options: Pool.Options;
  readonly createPool: (origin: string | URL, options: Pool.Options) => Pool;
  /** TLS with the host, through the tunnel. */
  readonly requestTls: buildConnector.BuildOptions;
  /** TLS with the proxy. */
  readonly proxyTls: buildConnector.BuildOptions;
  /** The time until the proxy opens a tunnel, in milliseconds. */
  readonly timeoutMs: number;
}

/** Creates the transport to one origin through the proxy. Its errors tell a failure of the proxy from one of the host. */
export function createProxyTransport(transport: ProxyTransport): Dispatcher {
  const { proxyUrl, options, createPool, requestTls, proxyTls, timeoutMs } = transport;
  return new ProxyAgent({
    ...options,
    uri: proxyUrl,
    factory: createPool,
    requestTls,
    proxyTls: { ...proxyTls, timeout: Math.min(maxProxyConnectMs, timeoutMs / 2) },
    // Without its own timeout, a tunnel that the proxy never opens would hold up all later calls to the host.
    clientFactory: (url, own) => createTunnelPool(url, { ...own, headersTimeout: timeoutMs }),
  });
}

/** Creates the pool of connections to the proxy, each of which becomes a tunnel. */
function createTunnelPool(proxyUrl: URL, options: object): Pool {
  const pool = new Pool(proxyUrl, options);
  const connect = pool.connect.bind(pool);
  pool.connect = (async (call: Dispatcher.ConnectOptions) => {
    const { socket, statusCode: status, ...rest } = await connect(call).catch(throwUnreachable);
    if (status === 200) return { socket, statusCode: status, ...rest };
    socket.on('error', () => undefined).destroy();
    throw Object.assign(new Error('The proxy opened no tunnel.'), { code: proxyRefused, status });
  }) as Pool['connect'];
  return pool;
}

function throwUnreachable(cause: unknown): never {
  throw Object.assign(new Error('The proxy could not be reached.', { cause }), { code: proxyUnreachable });
}
