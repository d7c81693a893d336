import { vendors } from '@valetkey/vendor-clients';
import { expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { parseConfig } from './parse-config.ts';

function problemsOf(config: object): readonly string[] {
  try {
    parseConfig(config);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const issuer = 'https://id.example.com';
const audiences = ['api'];

const refused = [
  'https://10.0.0.5',
  'https://169.254.169.254',
  'http://169.254.169.254',
  'https://192.168.1.1',
  'https://100.100.100.200',
  'https://0.0.0.0',
  'https://0',
  'https://167772165',
  'https://012.0.0.5',
  'https://0xa.0.0.5',
  'https://10.5',
  'https://[::ffff:10.0.0.5]',
  'https://[::ffff:7f00:1]',
  'https://[64:ff9b::a00:5]',
  'https://[fd12::1]',
  'https://[fe80::1]',
  'https://[::]',
  'https://metadata.google.internal',
  'https://localhost.',
  'https://id.localhost',
];

const introspection = { clientId: 'c', clientSecret: 'canary-secret' };
const places: readonly (readonly [string, (url: string) => object])[] = [
  ['issuer', (url) => ({ issuer: url, audiences })],
  ['jwksUri', (url) => ({ issuer, audiences, jwksUri: `${url}/keys` })],
  ['metadataUri', (url) => ({ issuer, audiences, metadataUri: `${url}/metadata` })],
  ['introspection.endpoint', (url) => ({ issuer, audiences, introspection: { ...introspection, endpoint: url } })],
  ['resolver.endpoint', (url) => ({ issuer, audiences, resolver: { endpoint: url } })],
];

test.each(places.flatMap(([field, write]) => refused.map((url) => [field, url, write] as const)))(
  'parseConfig refuses the %s %s, which names a host that may not be called',
  (field, url, write) => {
    const problems = problemsOf({ issuers: [{ issuer: 'https://other.example.com', audiences }, write(url)] });
    // An http URL is refused for its scheme.
    const problem = url.startsWith('http:') ? 'must be' : 'names a host that may not be called.*`egress\\.allow`';
    expect(problems).toEqual([expect.stringMatching(`^issuers\\.1\\.${field.replace('.', '\\.')}: ${problem}`)]);
  },
);

test.each(places)('parseConfig accepts the %s of a private host that `egress.allow` lists', (_field, write) => {
  const allow = ['10.0.0.0/8', 'fd00::/8'];
  for (const url of ['https://10.0.0.5', 'https://[::ffff:10.0.0.5]', 'https://[fd12::1]']) {
    expect(problemsOf({ issuers: [write(url)], egress: { allow } })).toEqual([]);
    expect(problemsOf({ issuers: [write(url)], egress: { allow, proxy: 'http://proxy.example.com' } })).toEqual([]);
  }
  expect(problemsOf({ issuers: [write('https://169.254.169.254')], egress: { allow } })).toHaveLength(1);
});

test.each(places)('parseConfig accepts a name or a loopback host as the %s', (_field, write) => {
  const loopbackUrls = ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080', 'https://2130706433'];
  for (const url of ['https://id.corp.internal', ...loopbackUrls])
    expect(problemsOf({ issuers: [write(url)] })).toEqual([]);
});

test('parseConfig accepts an issuer with a private address that is not called, because its keys are elsewhere', () => {
  const record = { issuer: 'https://10.0.0.5', audiences, jwksUri: 'https://id.example.com/keys' };
  expect(problemsOf({ issuers: [record] })).toEqual([]);
});

test('parseConfig refuses a preset whose URL names a private address', () => {
  const keycloak = { provider: 'keycloak', url: 'https://10.0.0.5', realm: 'r', audience: 'api' };
  expect(problemsOf({ issuers: [keycloak] })).toEqual([expect.stringMatching(/^issuers\.0\.jwksUri: .*egress\.allow/)]);
  expect(problemsOf({ issuers: [keycloak], egress: { allow: ['10.0.0.5'] } })).toEqual([]);
});

const vendorOptions: Readonly<Record<string, (url: string) => object>> = {
  authgear: (endpoint) => ({ endpoint, clientId: 'app' }),
  nabla: (baseUrl) => ({ serverKey: 'k', baseUrl }),
  nudge: (baseUrl) => ({ apiKey: 'k', baseUrl }),
  nymbl: (tokenUrl) => ({
    clientId: 'c',
    clientSecret: 's',
    apiKey: 'k',
    customer: { value: 'acme' },
    allow: [{ method: 'GET', path: '/Patients' }],
    tokenUrl,
  }),
  vital: (baseUrl) => ({ apiKey: 'sk_us_k', environment: 'sandbox', region: 'us', baseUrl }),
};

test.each(Object.keys(vendors))('parseConfig refuses a private address in a URL of the vendor %s', (vendor) => {
  const check = (url: string, allow: readonly string[] = []) =>
    problemsOf({
      issuers: [{ issuer, audiences }],
      vendors: { [vendor]: vendorOptions[vendor]?.(url) },
      egress: { allow },
    });
  for (const url of refused) expect(check(url), url).toEqual([expect.stringMatching(`^vendors\\.${vendor}[.:]`)]);
  expect(check('https://10.0.0.5', ['10.0.0.0/8'])).toEqual([]);
});
