import type { lookup as systemLookup } from 'node:dns';
import { expect, test } from 'vitest';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { baseUrlSchema } from '../option-schemas.ts';
import { openDoor } from '../door/door.ts';
import { allowedEntrySchema, guardedLookup, mayReach } from './addresses.ts';

const publicAddresses = ['8.8.8.8', '104.18.0.1', '2606:4700::6810:1', '64:ff9b::808:808', '::ffff:8.8.8.8'];
const refusedAddresses = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  'fe80::1',
  'fc00::1',
  'fd00:ec2::254',
  'ff02::1',
  '::ffff:10.0.0.1',
  '::ffff:169.254.169.254',
  '64:ff9b::a00:1',
  '64:ff9b::a9fe:a9fe',
  '2002:a00:1::',
  '::a00:1',
  '::7f00:1',
  '4000::1',
  'not an address',
];

test.each(publicAddresses)('the public address %s may be called by a public host and not by localhost', (address) => {
  expect(mayReach('api.example.com', address)).toBe(true);
  expect(mayReach('localhost', address)).toBe(false);
});

test.each(refusedAddresses)('the address %s may not be called', (address) => {
  expect(mayReach('api.example.com', address)).toBe(false);
});

test.each([
  ['localhost', '127.0.0.1'],
  ['localhost', '::1'],
  ['127.0.0.1', '127.0.0.1'],
  ['[::1]', '::1'],
])('the loopback host %s may resolve to %s', (hostname, address) => {
  expect(mayReach(hostname, address)).toBe(true);
});

test.each([
  'https://169.254.169.254/latest',
  'https://[::ffff:169.254.169.254]',
  'https://[fd00:ec2::254]',
  'https://100.100.100.200',
  'https://metadata.google.internal',
  'https://metadata.google.internal./computeMetadata',
  'https://localhost.',
  'https://vendor.localhost',
  'https://224.0.0.1',
  'https://0xa9.0xfe.0xa9.0xfe',
  'https://2852039166',
  'https://0251.0376.0251.0376',
  'https://user:password@api.example.com',
  'http://api.example.com',
  'https://api.example.com?x=1',
  'ftp://api.example.com',
  'api.example.com',
])('%s is refused as a base URL', (url) => {
  expect(baseUrlSchema.safeParse(url).success).toBe(false);
});

test.each([
  ['https://api.example.com/', 'https://api.example.com'],
  ['https://8.8.8.8/v1', 'https://8.8.8.8/v1'],
  ['http://127.0.0.1:8790/nabla', 'http://127.0.0.1:8790/nabla'],
  ['http://[::1]:8790', 'http://[::1]:8790'],
  // The egress decides whether the broker may call a private address.
  ['https://10.0.0.1', 'https://10.0.0.1'],
])('%s is accepted as the base URL %s', (url, kept) => {
  expect(baseUrlSchema.parse(url)).toBe(kept);
});

const allow = (...entries: string[]) => entries.map((entry) => allowedEntrySchema.parse(entry));

test.each([
  ['10.0.0.0/8', '10.1.2.3'],
  ['10.1.2.3', '10.1.2.3'],
  ['172.16.0.0/12', '172.31.255.255'],
  ['192.168.1.0/24', '192.168.1.7'],
  ['192.168.1.0/24', '::ffff:192.168.1.7'],
  ['100.64.0.0/10', '100.64.0.1'],
  ['10.0.0.0/8', '64:ff9b::a00:1'],
  ['fc00::/7', 'fd12::1'],
  ['fd12::1', 'fd12:0::1'],
  ['[fd12::1]', 'fd12::1'],
  ['api.example.com', '10.1.2.3'],
  ['API.Example.com.', 'fd12::1'],
])('the allowed entry %s lets a host have the address %s', (entry, address) => {
  expect(mayReach('api.example.com', address)).toBe(false);
  expect(mayReach('api.example.com', address, allow(entry))).toBe(true);
  expect(mayReach('localhost', address, allow(entry))).toBe(false);
});

test.each([
  ['10.0.0.0/8', '172.16.0.1'],
  ['10.0.0.0/8', 'fd12::1'],
  ['100.64.0.0/10', '100.100.100.200'],
  ['fc00::/7', 'fd00:ec2::254'],
  ['fc00::/7', 'fd20:ce::254'],
  ['api.example.com', '169.254.169.254'],
  ['api.example.com', '::ffff:169.254.169.254'],
  ['api.example.com', '100.100.100.200'],
  ['api.example.com', '168.63.129.16'],
  ['api.example.com', '127.0.0.1'],
  ['api.example.com', '0.0.0.0'],
  ['other.example.com', '10.0.0.1'],
  ['example.com', '10.0.0.1'],
])('the allowed entry %s does not let api.example.com have the address %s', (entry, address) => {
  expect(mayReach('api.example.com', address, allow(entry))).toBe(false);
});

test.each([
  '',
  '*',
  '10',
  '10.1',
  '10.0.0.0/33',
  '0.0.0.0/0',
  '::/0',
  '8.8.8.0/24',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '169.254.169.254',
  '100.100.100.200',
  '::ffff:169.254.169.254',
  'fd12::1%eth0',
  '010.0.0.1',
  'fd00:ec2::254',
  'metadata.google.internal',
  'https://authgear.internal',
  'authgear.internal:443',
  'two words',
])('%j is refused as an allowed entry', (entry) => {
  expect(allowedEntrySchema.safeParse(entry).success).toBe(false);
});

/** Returns a resolver that resolves every name to the same addresses. */
function resolvingTo(addresses: readonly string[]): typeof systemLookup {
  const resolved = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const lookup = (...given: unknown[]): void =>
    (given[2] as (failure: null, addresses: unknown) => void)(null, resolved);
  return lookup as unknown as typeof systemLookup;
}

const lookUp = (hostname: string, addresses: readonly string[], all: boolean): Promise<unknown> =>
  new Promise((resolve) => {
    guardedLookup(resolvingTo(addresses))(hostname, { all }, (failure, address) => resolve(failure?.code ?? address));
  });

test('a door does not call a vendor whose host name resolves to loopback', async () => {
  await using server = await startVendorServer({});
  const baseUrl = server.url.replace('127.0.0.1', 'api.example.com');
  const options = { vendor: { id: 'nabla', title: 'Nabla' }, baseUrl, timeoutMs: 60_000 };
  const door = openDoor(options, { lookup: resolvingTo(['127.0.0.1']) });
  await expect(door.begin().send({ method: 'GET', path: '/' })).rejects.toMatchObject({
    code: 'vendor_unavailable',
    reason: 'EGRESS_REFUSED',
  });
  expect(server.calls).toHaveLength(0);
  await door.close();
});

test('a lookup fails if any of the resolved addresses may not be called', async () => {
  expect(await lookUp('api.example.com', ['8.8.8.8', '8.8.4.4'], true)).toHaveLength(2);
  expect(await lookUp('api.example.com', ['8.8.8.8', '8.8.4.4'], false)).toBe('8.8.8.8');
  expect(await lookUp('api.example.com', ['8.8.8.8', '10.0.0.1'], true)).toBe('EGRESS_REFUSED');
  expect(await lookUp('api.example.com', ['127.0.0.1'], false)).toBe('EGRESS_REFUSED');
  expect(await lookUp('api.example.com', [], true)).toBe('EGRESS_REFUSED');
  expect(await lookUp('localhost', ['127.0.0.1', '::1'], true)).toHaveLength(2);
  expect(await lookUp('localhost', ['8.8.8.8'], true)).toBe('EGRESS_REFUSED');
});

test('a name is judged at each lookup, so that it cannot lead to a private address later', async () => {
  const answers = [['8.8.8.8'], ['10.0.0.1'], ['8.8.8.8']];
  const lookup = guardedLookup(((...given: Parameters<typeof systemLookup>) =>
    resolvingTo(answers.shift() ?? [])(...given)) as typeof systemLookup);
  const outcomes: unknown[] = [];
  for (let count = 0; count < 3; count += 1) {
    lookup('api.example.com', { all: false }, (failure, address) => outcomes.push(failure?.code ?? address));
  }
  expect(outcomes).toEqual(['8.8.8.8', 'EGRESS_REFUSED', '8.8.8.8']);
});

test('a host with IPv6 addresses alone is called, also by NAT64, unless the address embeds a private one', async () => {
  expect(await lookUp('api.example.com', ['2606:4700::1'], false)).toBe('2606:4700::1');
  expect(await lookUp('api.example.com', ['64:ff9b::808:808'], false)).toBe('64:ff9b::808:808');
  expect(await lookUp('api.example.com', ['64:ff9b::a00:1'], false)).toBe('EGRESS_REFUSED');
  expect(await lookUp('api.example.com', ['64:ff9b:1::a00:1'], false)).toBe('EGRESS_REFUSED');
  expect(await lookUp('api.example.com', ['2606:4700::1', 'fd12::1'], false)).toBe('EGRESS_REFUSED');
});
