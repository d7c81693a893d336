import { codeOfForeignError } from './foreign-error.ts';

/** The code of the network error for a host whose address may not be called. */
export const addressRefused = 'EGRESS_REFUSED';

/** The code of the network error for a proxy that responds and opens no tunnel. The error has the `status` of the response. */
export const proxyRefused = 'PROXY_REFUSED';

/** The code of the network error for a proxy that cannot be reached. The `cause` of the error says why. */
export const proxyUnreachable = 'PROXY_UNREACHABLE';

/**
 * The code of the network error for a call that was sent over an idle TCP connection which the network had dropped, before
 * any part of a response arrived. It says nothing about the server.
 */
export const connectionDropped = 'CONNECTION_DROPPED';

const proxySettings = 'the proxy (`egress.proxy`, or HTTPS_PROXY)';
const noProxyHint = '`egress.noProxy` lists hosts that are called directly.';

const untrusted =
  'The certificate is of an authority that this process does not trust. If the authority is private, or a firewall on the way inspects TLS, add its certificate to `egress.ca`. If it is public, have the server send the intermediate certificates.';
const dates =
  'The certificate is outside its dates: have the operator of the server renew it, and check the clock of this machine.';
const noCommonTls =
  'The server and this process have no version or cipher of TLS in common, or the server requires a client certificate. The server must support TLS 1.2 or 1.3. `clientCertificate` sets a certificate.';
const clientCertificate =
  'The server refuses the client certificate, or requires one: check `clientCertificate` and its dates.';
const notTls =
  'The server does not speak TLS at this port: check the scheme and the port of the URL, and whether a firewall responds instead.';
const closed =
  'The server closed the TCP connection before the whole response had arrived. So do firewalls, and servers that require a client certificate (`clientCertificate`).';

/** What an operator can do about a network error, by its code. Every other code says enough. */
const adviceByCode: Readonly<Record<string, string>> = {
  [addressRefused]:
    'If the host is meant to have a private address, list the host or its network in `egress.allow`. Metadata addresses are never called.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  CERT_HAS_EXPIRED: dates,
  CERT_NOT_YET_VALID: dates,
  ERR_TLS_CERT_ALTNAME_INVALID:
    'The certificate is of another host: check the host name in the URL, or have the server send a certificate with this name.',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: noCommonTls,
  ERR_SSL_UNSUPPORTED_PROTOCOL: noCommonTls,
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: noCommonTls,
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': noCommonTls,
  'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': clientCertificate,
  'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED': clientCertificate,
  'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN': clientCertificate,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: clientCertificate,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: clientCertificate,
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  UND_ERR_SOCKET: closed,
  ECONNRESET: closed,
  ECONNABORTED: closed,
};

/** Returns what an operator can do about a network error; undefined if its code says enough. */
export function adviseOnNetworkError(failure: unknown): string | undefined {
  const code = codeOfForeignError(failure) ?? '';
  const { cause, status } = (failure ?? {}) as { readonly cause?: unknown; readonly status?: unknown };
  if (code === proxyRefused) return adviseOnRefusal(Number(status ?? 0));
  return code === proxyUnreachable ? adviseOnProxy(codeOfForeignError(cause)) : adviceByCode[code];
}

function adviseOnProxy(code = 'no HTTP'): string {
  const advice = adviceByCode[code];
  // A proxy that closes the connection does not ask for a client certificate.
  const next =
    advice === undefined || advice === closed ? 'Check its scheme, host and port, and whether it runs.' : advice;
  return `This process could not connect to ${proxySettings}: ${code}. ${next} ${noProxyHint}`;
}

/** The status is 0 if it is not known. */
function adviseOnRefusal(status: number): string {
  const response = status === 0 ? '' : `The proxy responded ${status}. `;
  if (status === 407) return `${response}Check the user name and the password of ${proxySettings}.`;
  if (status >= 500) {
    return `${response}It could not reach the host: check the host name, and the DNS and firewall of ${proxySettings}. ${noProxyHint}`;
  }
  return `${response}Check the address of ${proxySettings}, and whether it allows this host and port. ${noProxyHint}`;
}
