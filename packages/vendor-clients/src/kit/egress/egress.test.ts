import { expect, test } from 'vitest';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { createEgress, type EgressDependencies } from './egress.ts';
import type { EgressOptions } from './egress-options.ts';

type Environment = EgressDependencies['environment'];
const describeEgress = (options: EgressOptions, environment: Environment = {}): string =>
  createEgress(options, { environment }).description;

test.each<[string, EgressOptions, Environment, string]>([
  ['nothing', {}, {}, 'direct, without a proxy'],
  ['HTTPS_PROXY', {}, { HTTPS_PROXY: 'http://proxy:3128' }, 'through http://proxy:3128 (HTTPS_PROXY)'],
  ['https_proxy', {}, { https_proxy: 'https://proxy' }, 'through https://proxy (https_proxy)'],
  ['HTTP_PROXY alone', {}, { HTTP_PROXY: 'proxy:3128' }, 'through http://proxy:3128 (HTTP_PROXY)'],
  [
    'https_proxy before HTTP_PROXY',
    {},
    { HTTP_PROXY: 'http://a', HTTPS_PROXY: ' ', https_proxy: 'http://b' },
    'through http://b (https_proxy)',
  ],
  [
    'NO_PROXY',
    {},
    { HTTPS_PROXY: 'http://proxy', NO_PROXY: '.internal, example.com' },
    'through http://proxy (HTTPS_PROXY), except .internal, example.com',
  ],
  [
    'a proxy without its credentials',
    { proxy: 'http://user:canary@proxy:1' },
    {},
    'through http://proxy:1 (egress.proxy)',
  ],
  [
    'the options before the environment',
    { proxy: 'http://a', noProxy: ['b.example.com'] },
    { HTTPS_PROXY: 'http://c', NO_PROXY: '*' },
    'through http://a (egress.proxy), except b.example.com',
  ],
  [
    'no NO_PROXY for a proxy of the options',
    { proxy: 'http://a' },
    { NO_PROXY: '*' },
    'through http://a (egress.proxy)',
  ],
  ['no proxy if it is false', { proxy: false }, { HTTPS_PROXY: 'http://proxy' }, 'direct, without a proxy'],
  [
    'private hosts',
    { allow: ['10.0.0.0/8', 'authgear.internal', 'fd12::1'] },
    {},
    'direct, without a proxy; allowed private addresses: 10.0.0.0/8, authgear.internal, fd12::1/128',
  ],
])('an egress describes %s', (_name, options, environment, description) => {
  expect(describeEgress(options, environment)).toBe(description);
});

test.each<[EgressOptions, string]>([
  [{ proxy: 'socks5://canary' }, 'proxy'],
  [{ proxy: 'http://canary/path' }, 'proxy'],
  [{ proxy: '' }, 'proxy'],
  [{ proxy: 'http://user:12#canary@proxy:3128' }, 'proxy'],
  [{ proxy: 'http://user:12?canary@proxy:3128' }, 'proxy'],
  [{ proxy: 'http://user:canary%@proxy:3128' }, 'proxy'],
  [{ noProxy: ['https://canary'] }, 'noProxy.0'],
  [{ noProxy: ['10.0.0.0/8', 'canary*'] }, 'noProxy.1'],
  [{ allow: ['8.8.8.8'] }, 'allow.0'],
  [{ ca: 'canary' }, 'ca'],
  [{ ca: '-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----' }, 'ca'],
])('an egress refuses the options %j, and names the field', (options, field) => {
  expect(() => createEgress(options, { environment: {} })).toThrow(TypeError);
  expect(() => createEgress(options, { environment: {} })).toThrow(`${field}: must`);
  expect(() => createEgress(options, { environment: {} })).not.toThrow('canary');
});

test('an egress refuses a wrong proxy of the environment, and names the variable', () => {
  const create = () => createEgress({}, { environment: { HTTPS_PROXY: 'ftp://canary' } });
  expect(create).toThrow(/^HTTPS_PROXY of the environment is not the URL of an HTTP proxy/);
  expect(create).not.toThrow('canary');
});

test('an egress refuses a wrong entry of NO_PROXY, and names its position', () => {
  const create = (noProxy: string) => () =>
    createEgress({}, { environment: { HTTPS_PROXY: 'http://proxy', NO_PROXY: noProxy } });
  expect(create('localhost,10.0.0.0/8,.svc,*.corp.internal,[fd12::1]:8443, ,127.0.0.1')).not.toThrow();
  expect(create('localhost, canary*')).toThrow(
    /^NO_PROXY of the environment, entry 2: must be .* Correct it, or set egress\.noProxy\.$/,
  );
  expect(create('localhost, canary*')).not.toThrow('canary');
});

test('`fetch` of an egress follows no redirect to a private address', async () => {
  await using server = await startVendorServer({ status: 302, headers: { location: 'https://10.0.0.1/' } });
  const egress = createEgress({ proxy: false });
  await expect(egress.fetch(server.url)).rejects.toMatchObject({ cause: { code: 'EGRESS_REFUSED' } });
  await egress.close();
});
