import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { chooseRequestIds, createAddressTest, takeRequestIdsOf } from './request-id.ts';

const uuid = /^[0-9a-f-]{36}$/;

/** Returns the id of a request with this header from this address, if 10.0.0.0/8 is trusted. */
function idOf(id: string | undefined, remoteAddress = '10.1.2.3'): string {
  const request = { headers: { 'x-request-id': id }, socket: { remoteAddress } };
  return takeRequestIdsOf(['10.0.0.0/8'])(request as unknown as IncomingMessage);
}

test.each([
  '4bf92f3577b34da6a3ce929d0e0e4736',
  'Root=1-67891233-abcdef012345678912345678',
  'a.b_c:d+e/f=',
  'x'.repeat(128),
])('the request id %s of a trusted proxy is used', (id) => {
  expect(idOf(id)).toBe(id);
});

test.each([
  undefined,
  '',
  'short',
  'x'.repeat(129),
  'two words',
  '12345678\n',
  '{"a":"b"}',
  'né-12345678',
  '12345678, 87654321',
])('the request id %j of a trusted proxy is replaced by a new one', (id) => {
  expect(idOf(id)).toMatch(uuid);
  expect(idOf(id)).not.toBe(idOf(id));
});

test('the request id of any other client is replaced by a new one', () => {
  expect(idOf('12345678', '11.1.2.3')).toMatch(uuid);
  expect(idOf('12345678', '::1')).toMatch(uuid);
  expect(idOf('12345678', '::ffff:11.1.2.3')).toMatch(uuid);
});

test('an address of IPv4 that a socket of IPv6 received is the same address', () => {
  expect(idOf('12345678', '::ffff:10.1.2.3')).toBe('12345678');
});

test('addresses and networks of both families are compared', () => {
  const isTrusted = createAddressTest(['192.0.2.7', '2001:db8::/32', '::1']);
  const addresses = ['192.0.2.7', '192.0.2.8', '2001:db8:1::5', '2001:db9::5', '::1', '::2', undefined];
  expect(addresses.map(isTrusted)).toEqual([true, false, true, false, true, false, false]);
});

test('request ids are random on a version of Node without ids in the order of their creation', () => {
  expect(chooseRequestIds({ randomUUID })).toBe(randomUUID);
});
