import type { ServerOptions } from 'node:https';
import { Server as TlsServer } from 'node:tls';
import { secureContextOptionsOf, type ListenerTls } from '../config/listener-tls.ts';

/** The time that a client has for the TLS handshake. */
const handshakeTimeoutMs = 10_000;

/** Returns the options with which a server speaks TLS, version 1.2 or later, with the same limits as without it. */
export function tlsServerOptions(tls: ListenerTls, limits: ServerOptions): ServerOptions {
  return { ...limits, ...secureContextOptionsOf(tls), handshakeTimeout: handshakeTimeoutMs };
}

/** A listener of the broker, as far as its certificate is concerned. */
export interface CertifiedListener {
  readonly server: object;
}

/**
 * Replaces the certificate of a listener that has `tls`. TCP connections that are open keep the earlier one; each new one gets this.
 * Throws a `TypeError` if the listener speaks no TLS: whether it does is decided when the broker starts.
 *
 * @example
 * ```ts
 * if (config.listen.tls !== undefined) replaceCertificate(broker.app, config.listen.tls);
 * ```
 */
export function replaceCertificate({ server }: CertifiedListener, tls: ListenerTls): void {
  if (!(server instanceof TlsServer)) throw new TypeError('The listener speaks no TLS.');
  server.setSecureContext(secureContextOptionsOf(tls));
}
