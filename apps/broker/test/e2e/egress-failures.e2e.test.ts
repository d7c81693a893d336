// Tests of what operators and callers learn when the way to a vendor and to an identity provider fails.
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { examine } from '../../src/cli/doctor.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { createCertificateAuthority, hasOpenssl } from '../support/certificate-authority.ts';
import { startConnectProxy, startTlsFront } from '../support/private-network.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

type Authority = Awaited<ReturnType<typeof createCertificateAuthority>>;
type Front = Omit<Parameters<typeof startTlsFront>[0], 'upstreamPort'>;

const canary = 'canary-proxy-password';
const proxyHost = 'https://id.example.com';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox({ hostNames: ['id.example.com'] });
});
afterAll(() => sandbox.close());

/** Returns a configuration whose keys and vendor are at an origin. */
function createConfig(origin: string, egress: object) {
  const { vendors, ...config } = createConfigFor(sandbox);
  const at = (url: string) => url.replace(/^http:\/\/[^/]+/, origin);
  return {
    ...config,
    egress,
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'], jwksUri: `${at(sandbox.urls.idp)}/jwks` }],
    vendors: { nudge: { ...vendors.nudge, baseUrl: at(sandbox.urls.nudge) } },
  };
}

/** Expects that the doctor, the log and callers learn of a failure, and that a token of a user is not refused for it. */
async function expectFailure(origin: string, egress: object, reason: RegExp, advice: RegExp): Promise<void> {
  const config = createConfig(origin, egress);
  const findings = await examine(parseConfig(config));
  const failed = findings.filter(({ outcome }) => outcome === 'failed');
  expect(failed.map(({ part }) => part)).toEqual([`issuer ${sandbox.urls.idp}`, 'connection nudge']);
  for (const { detail } of failed) {
    expect(detail).toMatch(reason);
    expect(detail).toMatch(advice);
  }
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  await using withoutKeys = await startRecordingBroker(config);
  const unverified = await withoutKeys.issue('nudge', token);
  expect(unverified).toMatchObject({ status: 503 });
  expect(JSON.stringify(await unverified.json())).toContain('identity_unavailable');
  const issuers = [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }];
  await using withKeys = await startRecordingBroker({ ...config, issuers });
  const unissued = await withKeys.issue('nudge', token);
  expect(unissued).toMatchObject({ status: 503 });
  expect(JSON.stringify(await unissued.json())).toContain('vendor_unavailable');
  for (const broker of [withoutKeys, withKeys]) {
    const { log, audit, failures } = await broker.readRecords();
    expect(log).toMatch(reason);
    expect(log).toMatch(advice);
    expect(log + audit + failures).not.toContain(canary);
  }
  expect(JSON.stringify(findings)).not.toContain(canary);
}

const fronts: readonly (readonly [string, (authority: Authority) => Promise<Front>, RegExp, RegExp])[] = [
  [
    'whose certificate is of another host',
    (authority) => authority.issue('other.example.com'),
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    /is of another host/,
  ],
  [
    'whose certificate has expired',
    (authority) => authority.issueExpired('localhost'),
    /CERT_HAS_EXPIRED/,
    /check the clock/,
  ],
  [
    'that speaks only TLS 1.1',
    async (authority) => ({ ...(await authority.issue('localhost')), maxVersion: 'TLSv1.1' }),
    /ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION/,
    /must support TLS 1\.2 or 1\.3/,
  ],
  [
    'that requires a client certificate over TLS 1.2',
    async (authority) => ({ ...(await authority.issue('localhost')), clientCa: authority.ca, maxVersion: 'TLSv1.2' }),
    /ERR_SSL_SSL\/TLS_ALERT_HANDSHAKE_FAILURE/,
    /`clientCertificate`/,
  ],
  [
    'that requires a client certificate over TLS 1.3',
    async (authority) => ({ ...(await authority.issue('localhost')), clientCa: authority.ca }),
    /UND_ERR_SOCKET|ECONNRESET/,
    /`clientCertificate`/,
  ],
];

test.runIf(hasOpenssl).each(fronts)('the failure of a server %s is explained', async (_name, start, reason, advice) => {
  await using authority = await createCertificateAuthority();
  const upstreamPort = Number(new URL(sandbox.origin).port);
  await using front = await startTlsFront({ ...(await start(authority)), upstreamPort });
  await expectFailure(`https://localhost:${front.port}`, { ca: authority.ca }, reason, advice);
});

test.runIf(hasOpenssl)('the failure of a server of an unknown authority is explained', async () => {
  await using authority = await createCertificateAuthority();
  const upstreamPort = Number(new URL(sandbox.origin).port);
  await using front = await startTlsFront({ ...(await authority.issue('localhost')), upstreamPort });
  await expectFailure(`https://localhost:${front.port}`, {}, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/, /`egress\.ca`/);
});

test('the failure of a server without TLS is explained', async () => {
  const origin = `https://localhost:${new URL(sandbox.origin).port}`;
  await expectFailure(origin, {}, /ERR_SSL_WRONG_VERSION_NUMBER/, /does not speak TLS/);
});

test('the failure of a proxy that does not allow the host is explained', async () => {
  await using proxy = await startConnectProxy({});
  const egress = { proxy: `http://broker:${canary}@127.0.0.1:${proxy.port}` };
  await expectFailure(proxyHost, egress, /PROXY_REFUSED/, /responded 403.*allows this host/);
});

test('the failure of a proxy that refuses the credentials is explained', async () => {
  await using proxy = await startConnectProxy({}, 'broker:another');
  const egress = { proxy: `http://broker:${canary}@127.0.0.1:${proxy.port}` };
  await expectFailure(proxyHost, egress, /PROXY_REFUSED/, /responded 407.*password/);
});

test('the failure of a proxy that does not run is explained', async () => {
  const { port, [Symbol.asyncDispose]: close } = await startConnectProxy({});
  await close();
  const egress = { proxy: `http://broker:${canary}@127.0.0.1:${port}` };
  await expectFailure(proxyHost, egress, /PROXY_UNREACHABLE/, /could not connect to the proxy.*ECONNREFUSED/);
});

test.runIf(hasOpenssl)('the failure of an https proxy of an unknown authority is explained', async () => {
  await using authority = await createCertificateAuthority();
  await using proxy = await startConnectProxy({});
  await using front = await startTlsFront({ ...(await authority.issue('localhost')), upstreamPort: proxy.port });
  const egress = { proxy: `https://broker:${canary}@localhost:${front.port}` };
  const advice = /could not connect to the proxy.*UNABLE_TO_VERIFY_LEAF_SIGNATURE.*`egress\.ca`/;
  await expectFailure(proxyHost, egress, /PROXY_UNREACHABLE/, advice);
  await expectFailure(proxyHost, { ...egress, ca: authority.ca }, /PROXY_REFUSED/, /responded 403/);
});
