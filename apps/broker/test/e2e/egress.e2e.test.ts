import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { clientCertificateSchema, createEgress } from '@valetkey/vendor-clients';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assemble } from '../../src/assemble.ts';
import { examine } from '../../src/cli/doctor.ts';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createCertificateAuthority, hasOpenssl } from '../support/certificate-authority.ts';
import { privateAddress, startConnectProxy, startTlsFront } from '../support/private-network.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { isProgramAvailable } from '../support/required-program.ts';
import { startValetkey } from '../support/valetkey-process.ts';

const hasPrivateAddress = await isProgramAvailable({
  name: 'a private address of this machine',
  probe: () => {
    if (privateAddress === undefined) throw new Error('none');
  },
  remediation: 'Connect this machine to a network with private addresses.',
});

const hosts = { idp: 'id.example.com', vendor: 'vendor.example.com' };
/** The command `doctor` refuses the public credentials of the sandbox. */
const nudgeApiKey = 'canary-nudge-key-41c7';
const proxyPassword = 'canary-proxy-password';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox({ hostNames: [...Object.values(hosts), 'authgear.internal'] });
  sandbox.nudge.setApiKeys([sandbox.credentials.nudge.apiKey, nudgeApiKey]);
});
afterAll(() => sandbox.close());

const withHost = (url: string, origin: string) => url.replace(/^http:\/\/[^/]+/, origin);

/** Returns a configuration whose identity provider and vendor are the sandbox under other origins. */
function createConfig(origins: { readonly idp: string; readonly vendor: string }): BrokerConfigInput & {
  readonly vendors: { readonly nudge: object };
} {
  const { vendors, ...config } = createConfigFor(sandbox);
  const jwksUri = `${withHost(sandbox.urls.idp, origins.idp)}/jwks`;
  return {
    ...config,
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'], jwksUri }],
    vendors: {
      nudge: { ...vendors.nudge, apiKey: nudgeApiKey, baseUrl: withHost(sandbox.urls.nudge, origins.vendor) },
    },
  };
}

interface NetworkOptions {
  /** The server that asks for a client certificate. */
  readonly mutual?: keyof typeof hosts;
  /** The credentials that the proxy requires. */
  readonly credentials?: string;
}

/** Starts TLS servers before the sandbox and a proxy that leads to them. */
async function startNetwork({ mutual, credentials }: NetworkOptions = {}) {
  const resources = new AsyncDisposableStack();
  const authority = resources.use(await createCertificateAuthority());
  const upstreamPort = Number(new URL(sandbox.origin).port);
  const startFront = async (name: keyof typeof hosts) =>
    resources.use(
      await startTlsFront({
        ...(await authority.issue(hosts[name])),
        upstreamPort,
        ...(name === mutual && { clientCa: authority.ca }),
      }),
    );
  const [idp, vendor] = [await startFront('idp'), await startFront('vendor')];
  const ports = { [`${hosts.idp}:443`]: idp.port, [`${hosts.vendor}:443`]: vendor.port };
  const proxy = resources.use(await startConnectProxy(ports, credentials));
  const origins = { idp: `https://${hosts.idp}`, vendor: `https://${hosts.vendor}` };
  return {
    authority,
    proxy,
    idp,
    vendor,
    config: createConfig(origins),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

const sorted = (names: readonly string[]) => [...new Set(names)].toSorted();

test.runIf(hasOpenssl)('keys and vendor calls pass through the proxy and trust the private authority', async () => {
  await using network = await startNetwork({ credentials: `broker:${proxyPassword}` });
  const { proxy, authority } = network;
  const egress = { proxy: `http://broker:${proxyPassword}@127.0.0.1:${proxy.port}`, ca: authority.ca };
  await using broker = await startRecordingBroker({ ...network.config, egress });
  const response = await broker.issue('nudge', await sandbox.mintUserToken({ sub: 'alice' }));
  expect(response.status).toBe(200);
  expect(sorted(proxy.tunnels)).toEqual([`${hosts.idp}:443`, `${hosts.vendor}:443`]);
  const findings = await examine(parseConfig({ ...network.config, egress }));
  expect(findings.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  expect(findings.find(({ part }) => part === 'egress')?.detail).toBe(
    `through http://127.0.0.1:${proxy.port} (egress.proxy); certificates of private authorities: 1`,
  );
});

test.runIf(hasOpenssl)('the broker refuses a server whose authority it does not know', async () => {
  await using network = await startNetwork();
  const egress = { proxy: `http://127.0.0.1:${network.proxy.port}` };
  const findings = await examine(parseConfig({ ...network.config, egress }));
  expect(findings.filter(({ outcome }) => outcome === 'failed').map(({ detail }) => detail)).toEqual([
    expect.stringMatching(/UNABLE_TO_VERIFY_LEAF_SIGNATURE/),
    expect.stringMatching(/UNABLE_TO_VERIFY_LEAF_SIGNATURE/),
  ]);
});

test.runIf(hasOpenssl)('a proxy that refuses the broker is named, without its password', async () => {
  await using network = await startNetwork({ credentials: 'broker:another' });
  const egress = { proxy: `http://broker:${proxyPassword}@127.0.0.1:${network.proxy.port}` };
  const findings = await examine(parseConfig({ ...network.config, egress }));
  expect(findings.filter(({ outcome }) => outcome === 'failed').map(({ detail }) => detail)).toEqual([
    expect.stringMatching(/PROXY_REFUSED.*`egress\.proxy`/s),
    expect.stringMatching(/PROXY_REFUSED.*`egress\.proxy`/s),
  ]);
  expect(JSON.stringify(findings)).not.toContain(proxyPassword);
});

test.runIf(hasOpenssl)('a vendor that requires a client certificate receives that of its connection', async () => {
  await using network = await startNetwork({ mutual: 'vendor' });
  const { authority, proxy, config, vendor } = network;
  const clientCertificate = await authority.issue('broker.example.com');
  const egress = { proxy: `http://127.0.0.1:${proxy.port}`, ca: authority.ca };
  const without = await examine(parseConfig({ ...config, egress }));
  expect(without.filter(({ outcome }) => outcome === 'failed').map(({ part }) => part)).toEqual(['connection nudge']);
  const nudge = { ...config.vendors.nudge, clientCertificate };
  const findings = await examine(parseConfig({ ...config, egress, vendors: { nudge } }));
  expect(findings.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  expect(vendor.clients).toEqual(['broker.example.com']);
  await using broker = await startRecordingBroker({ ...config, egress, vendors: { nudge } } as BrokerConfigInput);
  const response = await broker.issue('nudge', await sandbox.mintUserToken({ sub: 'alice' }));
  expect(response.status).toBe(200);
});

test.runIf(hasOpenssl)(
  'an egress with a client certificate is closed by itself, or with the one that it comes from',
  async () => {
    await using authority = await createCertificateAuthority();
    const certificate = clientCertificateSchema.parse(await authority.issue('broker.example.com'));
    const egress = createEgress({ proxy: false });
    const [one, two] = [egress.withClientCertificate(certificate), egress.withClientCertificate(certificate)];
    const statusOf = async ({ fetch }: Pick<typeof egress, 'fetch'>) =>
      (await fetch(`${sandbox.urls.idp}/jwks`)).status;
    expect([await statusOf(egress), await statusOf(one), await statusOf(two)]).toEqual([200, 200, 200]);
    await one.close();
    await expect(statusOf(one)).rejects.toThrow('fetch failed');
    expect([await statusOf(egress), await statusOf(two)]).toEqual([200, 200]);
    await egress.close();
    await egress.close();
    await expect(statusOf(two)).rejects.toThrow('fetch failed');
  },
);

test.runIf(hasOpenssl)('a reload trusts another authority, and shows a vendor a renewed certificate', async () => {
  await using network = await startNetwork({ mutual: 'vendor' });
  await using other = await createCertificateAuthority();
  const { authority, proxy, config, vendor } = network;
  const certificates = [await authority.issue('first.example.com'), await authority.issue('second.example.com')];
  const configOf = (ca: string, clientCertificate: object | undefined) =>
    parseConfig({
      ...config,
      egress: { proxy: `http://127.0.0.1:${proxy.port}`, ca },
      vendors: { nudge: { ...config.vendors.nudge, clientCertificate } },
    });
  const broker = assemble(configOf(other.ca, certificates[0]), { logger: createLogger('silent') });
  try {
    await broker.listen();
    const token = await sandbox.mintUserToken({ sub: 'alice' });
    const issue = async () => {
      const headers = { authorization: `Bearer ${token}` };
      return (await broker.app.inject({ method: 'POST', url: '/v1/vendors/nudge/token', headers })).statusCode;
    };
    expect(await issue()).toBe(503);
    await broker.reload(async () => configOf(authority.ca, certificates[0]));
    expect(await issue()).toBe(200);
    const keyFetches = sandbox.calls()['idp'];
    await broker.reload(async () => configOf(authority.ca, certificates[1]));
    expect(await issue()).toBe(200);
    expect(vendor.clients).toEqual(['first.example.com', 'second.example.com']);
    expect(sandbox.calls()['idp']).toEqual(keyFetches);
  } finally {
    await broker.close();
  }
});

test.runIf(hasOpenssl)(
  'an identity provider that requires a client certificate receives that of its record',
  async () => {
    await using network = await startNetwork({ mutual: 'idp' });
    const { authority, proxy, config, idp } = network;
    const egress = { proxy: `http://127.0.0.1:${proxy.port}`, ca: authority.ca };
    const without = await examine(parseConfig({ ...config, egress }));
    expect(without.filter(({ outcome }) => outcome === 'failed').map(({ part }) => part)).toEqual([
      `issuer ${sandbox.urls.idp}`,
    ]);
    const clientCertificate = await authority.issue('broker.example.com');
    const issuers = (config.issuers ?? []).map((issuer) => ({ ...issuer, clientCertificate }));
    const findings = await examine(parseConfig({ ...config, egress, issuers }));
    expect(findings.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect(idp.clients).toEqual(['broker.example.com']);
    await using broker = await startRecordingBroker({ ...config, egress, issuers } as BrokerConfigInput);
    const response = await broker.issue('nudge', await sandbox.mintUserToken({ sub: 'alice' }));
    expect(response.status).toBe(200);
  },
);

test.runIf(hasOpenssl)(
  'a client certificate of a record, of a preset or of a vendor that signs users in is used',
  async () => {
    await using authority = await createCertificateAuthority();
    const clientCertificate = await authority.issue('broker.example.com');
    const record = { issuer: 'https://one.example.com', audiences: ['api'], clientCertificate };
    const auth0 = { provider: 'auth0' as const, domain: 'two.example.com', audience: 'api', clientCertificate };
    const authgear = { endpoint: 'https://three.example.com', clientId: 'app', clientCertificate };
    const { issuers, issuerCertificates } = parseConfig({ issuers: [record, auth0], vendors: { authgear } });
    expect([...issuerCertificates.keys()]).toEqual([
      'https://one.example.com',
      'https://two.example.com/',
      'https://three.example.com',
    ]);
    expect(issuers.every((issuer) => !('clientCertificate' in issuer))).toBe(true);
    const { key } = await authority.issue('other.example.com');
    const wrong = { ...clientCertificate, key };
    expect(() =>
      parseConfig({
        issuers: [
          { ...record, clientCertificate: wrong },
          { ...auth0, clientCertificate: wrong },
          { ...auth0, clientCertificate: undefined, record: { clientCertificate } },
        ],
      }),
    ).toThrow(
      expect.objectContaining({
        problems: [
          'issuers.0.clientCertificate.key: is not the key of this certificate',
          'issuers.1.clientCertificate.key: is not the key of this certificate',
          'issuers.2.clientCertificate: must stand beside `provider`, not in `record`',
        ],
      }),
    );
  },
);

test.runIf(hasOpenssl)('the environment names the proxy and the private authority', async () => {
  await using network = await startNetwork();
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  const file = join(folder, 'valetkey.config.json');
  await writeFile(file, JSON.stringify({ ...network.config, log: { level: 'silent' } }));
  const runDoctor = async (environment: Readonly<Record<string, string>>) => {
    await using doctor = startValetkey(['doctor', '--config', file], folder, environment);
    return { exitCode: await doctor.exitCode, output: doctor.output().replace(/\s+/g, ' ') };
  };
  const address = `127.0.0.1:${network.proxy.port}`;
  const { output, exitCode } = await runDoctor({
    HTTPS_PROXY: address,
    NO_PROXY: 'unused.example.com',
    NODE_EXTRA_CA_CERTS: network.authority.caFile,
  });
  expect(output).toContain(`egress: through http://${address} (HTTPS_PROXY), except unused.example.com`);
  expect(exitCode, output).toBe(0);
  expect(sorted(network.proxy.tunnels)).toEqual([`${hosts.idp}:443`, `${hosts.vendor}:443`]);
  const wrong = await runDoctor({ HTTPS_PROXY: 'socks5://canary-user@proxy' });
  expect(wrong.output).toMatch(/HTTPS_PROXY of the environment is not the URL of an HTTP proxy/);
  expect(wrong.output).not.toContain('canary');
  await rm(folder, { recursive: true });
});

test('the broker calls loopback hosts without the proxy', async () => {
  await using proxy = await startConnectProxy({});
  const findings = await examine(
    parseConfig({ ...createConfigFor(sandbox), egress: { proxy: `http://127.0.0.1:${proxy.port}` } }),
  );
  expect(findings.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
  expect(proxy.tunnels).toEqual([]);
});

test.runIf(hasOpenssl && hasPrivateAddress)(
  'the broker calls a private address only if `egress.allow` lists it',
  async () => {
    await using authority = await createCertificateAuthority();
    const address = privateAddress ?? '';
    const upstreamPort = Number(new URL(sandbox.origin).port);
    const issued = await authority.issue('authgear.internal');
    await using front = await startTlsFront({ ...issued, upstreamPort, host: address });
    const resolved = [{ address, family: address.includes(':') ? 6 : 4 }];
    const lookup = ((...given: unknown[]) =>
      (given[2] as (failure: null, found: unknown) => void)(null, resolved)) as never;
    const url = `https://authgear.internal:${front.port}/idp/jwks`;
    const fetchWith = async (allow: string[]) => {
      const egress = createEgress({ allow, ca: authority.ca, proxy: false }, { lookup });
      try {
        return (await egress.fetch(url)).status;
      } catch (error) {
        return ((error as Error).cause as { code?: string }).code;
      } finally {
        await egress.close();
      }
    };
    expect(await fetchWith([])).toBe('EGRESS_REFUSED');
    expect(await fetchWith(['other.internal'])).toBe('EGRESS_REFUSED');
    expect(await fetchWith(['authgear.internal'])).toBe(200);
    expect(await fetchWith([address])).toBe(200);
  },
);

test.each(['https://10.0.0.1/jwks', 'https://169.254.169.254/jwks', 'https://metadata.google.internal/jwks'])(
  'keys at %s, which metadata names, are not fetched, with a proxy neither, and the finding names the setting',
  async (jwksUri) => {
    await using proxy = await startConnectProxy({});
    await using metadata = await startMetadata(jwksUri);
    const issuers = [{ issuer: metadata.issuer, audiences: ['valetkey'] }];
    for (const egress of [{ proxy: false as const }, { proxy: `http://127.0.0.1:${proxy.port}` }]) {
      const findings = await examine(parseConfig({ ...createConfigFor(sandbox), vendors: {}, issuers, egress }));
      expect(findings.find(({ part }) => part.startsWith('issuer'))).toMatchObject({
        outcome: 'failed',
        detail: expect.stringMatching(/EGRESS_REFUSED.*`egress\.allow`/) as unknown,
      });
    }
    expect(proxy.tunnels).toEqual([]);
  },
);

/** Starts an identity provider that publishes only metadata. */
async function startMetadata(jwksUri: string) {
  const server = createServer((_request, response) => response.end(JSON.stringify({ issuer, jwks_uri: jwksUri })));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { issuer, [Symbol.asyncDispose]: async () => void server.close().closeAllConnections() };
}

test('the check of a configuration refuses a private address of a vendor unless `egress.allow` lists it', () => {
  const check = (baseUrl: string, allow: string[] = []) => {
    const { vendors, ...config } = createConfigFor(sandbox);
    return () => parseConfig({ ...config, egress: { allow }, vendors: { nudge: { ...vendors.nudge, baseUrl } } });
  };
  expect(check('https://10.1.2.3')).toThrow(/vendors\.nudge: Nudge cannot be called.*`egress\.allow`/);
  expect(check('https://10.1.2.3', ['10.0.0.0/8'])).not.toThrow();
  expect(check('https://169.254.169.254', ['10.0.0.0/8'])).toThrow(/vendors\.nudge\.baseUrl: must not name an address/);
});
