import type { lookup as systemLookup } from 'node:dns';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { describeSchemaProblems, isLoopbackHost, VendorSetupError } from '@valetkey/core-types';
import { Agent, fetch, type Dispatcher, type Pool } from 'undici';
import { guardedLookup, namesRefusedHost, refusedError } from './addresses.ts';
import type { ClientCertificate } from './certificates.ts';
import { egressSchema, type EgressOptions, type EgressSettings } from './egress-options.ts';
import { createKeepAlivePool } from './keep-alive-client.ts';
import { findProxy, type Environment, type Proxy } from './proxy.ts';
import { isProxyException } from './proxy-exceptions.ts';
import { createProxyTransport } from './proxy-transport.ts';

/** The way out of the network: which addresses may be called, through which proxy, and with which certificates. */
export interface Egress {
  /** Calls as the global `fetch` does, through this egress. It accepts a URL, not a `Request`. */
  readonly fetch: typeof globalThis.fetch;
  /** Creates the transport to one origin. Its caller closes it. Throws for a host that may not be called. */
  readonly createDispatcher: (origin: string | URL, options: TransportOptions) => Dispatcher;
  /**
   * Returns whether a URL names a host that may not be called. Without a proxy, every other host name is checked when it is
   * resolved. A proxy resolves names itself, so their addresses are not checked.
   */
  readonly refuses: (url: string) => boolean;
  /**
   * Creates an egress with the same options that also presents a client certificate (mutual TLS). `close` of this egress
   * closes it too.
   */
  readonly withClientCertificate: (certificate: ClientCertificate) => Egress;
  /** A sentence for the operator, without credentials. */
  readonly description: string;
  /** Closes the connections of `fetch`. */
  readonly close: () => Promise<void>;
}

/** The options of one transport. */
export interface TransportOptions {
  /** The time to open a TCP connection, in milliseconds. */
  readonly timeoutMs: number;
  /** The most connections. Default: no limit. */
  readonly connections?: number | undefined;
  readonly lookup?: typeof systemLookup | undefined;
}

/** What an egress works with. Each dependency has a default. */
export interface EgressDependencies {
  /** Holds `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in upper or lower case. Default: the environment of this process. */
  readonly environment?: Environment | undefined;
  /** Resolves host names instead of the system's resolver. */
  readonly lookup?: typeof systemLookup | undefined;
}

/** Firewalls and address translators commonly forget a connection after four minutes without traffic. */
const maxIdleMs = 60_000;
/** The time to open a TCP connection for `fetch`, in milliseconds. */
const fetchConnectMs = 10_000;

/**
 * Creates an egress, to share between the clients of vendors and `createJwtVerifier`. Throws a `TypeError` that names each
 * wrong option and never its value.
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { createEgress, createVitalClient } from '@valetkey/vendor-clients';
 *
 * const egress = createEgress({ allow: ['10.0.0.0/8'] }); // heeds HTTPS_PROXY and NO_PROXY
 * const vital = createVitalClient({ apiKey, environment: 'sandbox', region: 'us' }, { egress });
 * const verifier = createJwtVerifier({ issuers, fetch: egress.fetch });
 * ```
 */
export function createEgress(options: EgressOptions = {}, dependencies: EgressDependencies = {}): Egress {
  const { success, data, error } = egressSchema.safeParse(options);
  if (!success)
    throw new VendorSetupError(`The egress cannot be set up: ${describeSchemaProblems(error, egressSchema)}.`);
  return openEgress(data, dependencies);
}

/** Creates an egress from parsed options. Throws a `TypeError` if a variable of the environment is no URL of a proxy. */
export function openEgress(settings: EgressSettings, dependencies: EgressDependencies = {}): Egress {
  return createFrom({ settings, proxy: findProxy(settings, dependencies.environment), lookup: dependencies.lookup });
}

/** The egress of a client that receives none: no proxy, and public addresses alone. */
export const directEgress = createEgress({ proxy: false }, { environment: {} });

interface Parts {
  readonly settings: EgressSettings;
  readonly proxy: Proxy | undefined;
  readonly lookup: typeof systemLookup | undefined;
  readonly clientCertificate?: ClientCertificate | undefined;
  readonly onClose?: (() => void) | undefined;
}

function createFrom(parts: Parts): Egress {
  const { allow } = parts.settings;
  const createTransport = createTransportFactory(parts);
  const refuses = (url: string | URL): boolean => namesRefusedHost(url, allow);
  const createDispatcher: Egress['createDispatcher'] = (origin, options) => {
    if (refuses(origin)) throw refusedError();
    return createTransport(new URL(origin), options);
  };
  let agent: Agent | undefined;
  const ownAgent = () =>
    (agent ??= new Agent({ factory: (origin) => createDispatcher(origin, { timeoutMs: fetchConnectMs }) }));
  const derived = new Set<Egress>();
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    parts.onClose?.();
    await Promise.all([agent?.close(), ...[...derived].map((egress) => egress.close())]);
  };
  return {
    fetch: (async (url: string | URL, init?: object) =>
      fetch(url, { ...init, dispatcher: ownAgent() })) as unknown as typeof globalThis.fetch,
    createDispatcher,
    refuses,
    withClientCertificate(clientCertificate) {
      const onClose = () => derived.delete(egress);
      const egress: Egress = createFrom({ ...parts, clientCertificate, onClose });
      derived.add(egress);
      return egress;
    },
    description: describe(parts),
    close: () => (closing ??= closeAll()),
  };
}

/** Returns the function that creates the transport to an origin, directly or through the proxy. */
function createTransportFactory({ settings, proxy, lookup: ownLookup, clientCertificate }: Parts) {
  let contexts: { readonly vendor?: SecureContext; readonly proxy?: SecureContext } | undefined;
  return (origin: URL, { timeoutMs, connections, lookup = ownLookup }: TransportOptions): Dispatcher => {
    // Created once, because the certificates are parsed each time.
    contexts ??= {
      ...((settings.ca ?? clientCertificate) && { vendor: createContext(settings.ca, clientCertificate) }),
      ...(settings.ca && { proxy: createContext(settings.ca) }),
    };
    const tls = (secureContext: SecureContext | undefined) => ({
      timeout: timeoutMs,
      allowH2: false,
      ...(secureContext && { secureContext }),
    });
    const options: Pool.Options = {
      connections: connections ?? null,
      pipelining: 1,
      allowH2: false,
      // undici's own timeouts are off: the caller's deadline covers headers and body.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveMaxTimeout: maxIdleMs,
      connect: { ...tls(contexts.vendor), lookup: guardedLookup(lookup, settings.allow) },
    };
    if (proxy === undefined || isLoopbackHost(origin.hostname) || isProxyException(origin, proxy.exceptions)) {
      return createKeepAlivePool(origin, options);
    }
    return createProxyTransport({
      proxyUrl: proxy.url,
      options,
      createPool: createKeepAlivePool,
      requestTls: tls(contexts.vendor),
      proxyTls: tls(contexts.proxy),
      timeoutMs,
    });
  };
}

function createContext(ca: readonly string[] = [], clientCertificate?: ClientCertificate): SecureContext {
  return createSecureContext({
    ca: [...getCACertificates('default'), ...ca],
    ...(clientCertificate && {
      cert: clientCertificate.certificate.join('\n'),
      key: clientCertificate.key.export({ type: 'pkcs8', format: 'pem' }),
    }),
  });
}

function describe({ settings: { allow, ca }, proxy }: Parts): string {
  const exceptions =
    proxy !== undefined && proxy.exceptions.length > 0
      ? `, except ${proxy.exceptions.map(({ text }) => text).join(', ')}`
      : '';
  const privates = allow.map((entry) => ('host' in entry ? entry.host : `${entry.network[0]}/${entry.network[1]}`));
  return [
    proxy === undefined
      ? 'direct, without a proxy'
      : `through ${new URL(proxy.url).origin} (${proxy.setting})${exceptions}`,
    ...(privates.length > 0 ? [`allowed private addresses: ${privates.join(', ')}`] : []),
    ...(ca === undefined ? [] : [`certificates of private authorities: ${ca.length}`]),
  ].join('; ');
}
