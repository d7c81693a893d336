import { expect, test } from 'vitest';
import { adviseOnNetworkError, proxyRefused, proxyUnreachable } from './network-codes.ts';

test.each<[string, object, RegExp]>([
  ['a private address', { code: 'EGRESS_REFUSED' }, /`egress\.allow`/],
  ['a private authority', { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }, /`egress\.ca`/],
  ['a self-signed certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, /`egress\.ca`/],
  ['an expired certificate', { code: 'CERT_HAS_EXPIRED' }, /renew it, and check the clock/],
  ['a certificate of another host', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, /certificate is of another host/],
  ['an old version of TLS', { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' }, /must support TLS 1\.2/],
  ['a missing client certificate', { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' }, /`clientCertificate`/],
  ['a server without TLS', { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }, /does not speak TLS/],
  ['a closed connection', { code: 'UND_ERR_SOCKET' }, /closed the TCP connection/],
  [
    'a proxy that refuses the password',
    { code: proxyRefused, status: 407 },
    /responded 407\. Check the user name and the password/,
  ],
  [
    'a proxy that refuses the host',
    { code: proxyRefused, status: 403 },
    /responded 403\. .*allows this host .*`egress\.noProxy`/,
  ],
  [
    'a proxy without a way to the host',
    { code: proxyRefused, status: 502 },
    /responded 502\. It could not reach the host/,
  ],
  ['a proxy whose response is not known', { code: proxyRefused }, /^Check the address of the proxy/],
  [
    'a proxy that does not run',
    { code: proxyUnreachable, cause: { code: 'ECONNREFUSED' } },
    /could not connect to the proxy \(`egress\.proxy`, or HTTPS_PROXY\): ECONNREFUSED\. Check its scheme/,
  ],
  [
    'a proxy of a private authority',
    { code: proxyUnreachable, cause: { code: 'SELF_SIGNED_CERT_IN_CHAIN' } },
    /proxy .*: SELF_SIGNED_CERT_IN_CHAIN\. .*`egress\.ca`/,
  ],
  [
    'a proxy that closes the connection',
    { code: proxyUnreachable, cause: { code: 'UND_ERR_SOCKET' } },
    /Check its scheme/,
  ],
  [
    'a proxy that speaks no HTTP',
    { code: proxyUnreachable, cause: new Error('CANARY') },
    /: no HTTP\. Check its scheme/,
  ],
])('adviseOnNetworkError says what to do about %s', (_case, failure, advice) => {
  expect(adviseOnNetworkError(failure)).toMatch(advice);
  expect(adviseOnNetworkError(failure)).not.toContain('CANARY');
});

test.each([undefined, null, 'ECONNREFUSED', {}, { code: 'ECONNREFUSED' }, { code: 'toString' }])(
  'adviseOnNetworkError says nothing about %j, whose code says enough',
  (failure) => {
    expect(adviseOnNetworkError(failure)).toBeUndefined();
  },
);
