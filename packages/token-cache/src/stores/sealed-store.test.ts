import { Secret, type TokenKey } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { nymblKey, serverToken } from '../testing/server-token.ts';
import { createMemoryRecords } from './memory-records.ts';
import { createSealedStore, type SealedStoreOptions } from './sealed-store.ts';
import type { RecordStore, StoredFailure } from './store-types.ts';

const secret = new Secret('sandbox-only-sealing-key-of-32-characters');
const sealingKeys = [{ id: '2026-11', secret }];
const failure: StoredFailure = { code: 'vendor_unavailable', detail: 'Down.', vendor: 'nymbl', attempts: 3 };

function setUp(options: Partial<SealedStoreOptions> = {}) {
  let nowMs = 5_000_000;
  const memory = createMemoryRecords(() => nowMs);
  const written = new Map<string, string>();
  const records: RecordStore = {
    ...memory,
    write: (id, value, expiresAtMs) => {
      written.set(id, value);
      return memory.write(id, value, expiresAtMs);
    },
    add: (id, value, lifetimeMs) => {
      written.set(id, value);
      return memory.add(id, value, lifetimeMs);
    },
  };
  const store = createSealedStore({ records, sealingKeys, ...options });
  const stored = (text: string) => ({
    token: serverToken(text),
    expiresAtMs: nowMs + 1000,
    refreshAtMs: nowMs + 500,
    lifeMs: 1000,
  });
  return { store, records, written, stored, pass: (ms: number) => void (nowMs += ms), now: () => nowMs };
}

const held = { state: 'held', holder: 'owner:one' };
const acquired = { state: 'acquired', attempts: 0 };

test('a sealed store returns a token until it expires on the clock of the records', async () => {
  const { store, stored, pass, now } = setUp();
  expect(await store.read(nymblKey)).toEqual({ nowMs: now(), stored: undefined });
  const token = stored('canary');
  await store.write(nymblKey, token);
  const reading = await store.read(nymblKey);
  expect(reading).toMatchObject({
    nowMs: now(),
    stored: { expiresAtMs: token.expiresAtMs, refreshAtMs: token.refreshAtMs, lifeMs: 1000 },
  });
  expect(reading.stored?.token).toMatchObject({ kind: 'server', vendor: 'nymbl' });
  pass(999);
  expect((await store.read(nymblKey)).stored).toBeDefined();
  pass(1);
  expect((await store.read(nymblKey)).stored).toBeUndefined();
});

test('a sealed store names the two records of a key with the same hash in braces, and seals their values', async () => {
  const { store, stored, written } = setUp();
  await store.write(nymblKey, stored('canary'));
  await store.acquire(nymblKey, 'one', 100);
  const ids = [...written.keys()];
  expect(ids[0]).toMatch(/^valetkey:\{[\w-]{43}\}:token$/);
  expect(ids[1]).toBe(ids[0]?.replace(':token', ':lease'));
  expect(JSON.stringify([...written])).not.toMatch(/canary|nymbl|acme|sandbox-only/);
});

test('the names in a sealed store begin with the configured prefix', async () => {
  const { store, stored, written } = setUp({ prefix: 'app:1' });
  await store.write(nymblKey, stored('canary'));
  expect([...written.keys()][0]).toMatch(/^app:1:\{/);
});

test('a sealed store keeps the tokens of two connections of one vendor apart', async () => {
  const { store, stored } = setUp();
  await store.write({ ...nymblKey, connection: 'nymbl-eu' }, stored('eu'));
  expect((await store.read(nymblKey)).stored).toBeUndefined();
  expect((await store.read({ ...nymblKey, connection: 'nymbl-us' })).stored).toBeUndefined();
  expect((await store.read({ ...nymblKey, connection: 'nymbl-eu' })).stored).toBeDefined();
});

test('a sealed store ignores a value that was moved to another key', async () => {
  const { store, stored, records, written, now } = setUp();
  const other: TokenKey = { ...nymblKey, scope: 'other' };
  await store.write(nymblKey, stored('one'));
  await store.write(other, stored('two'));
  const [[oneId, one], [otherId]] = [...written] as [[string, string], [string, string]];
  await records.write(otherId, one, now() + 1000);
  expect((await store.read(other)).stored).toBeUndefined();
  expect((await store.read(nymblKey)).stored).toBeDefined();
  await records.write(oneId.replace(':token', ':lease'), one, now() + 1000);
  expect(await store.acquire(nymblKey, 'one', 100)).toEqual(acquired);
});

test('remove of a sealed store removes only the token that it receives', async () => {
  const { store, stored } = setUp();
  await store.remove(nymblKey, serverToken('one'));
  await store.write(nymblKey, stored('one'));
  await store.remove(nymblKey, serverToken('other'));
  expect((await store.read(nymblKey)).stored).toBeDefined();
  await store.remove(nymblKey, serverToken('one'));
  expect((await store.read(nymblKey)).stored).toBeUndefined();
});

test('a sealed store does not remove a foreign value when it removes a token', async () => {
  const { store, stored, records, written, now } = setUp();
  await store.write(nymblKey, stored('one'));
  const id = [...written.keys()][0] ?? '';
  await records.write(id, 'garbage', now() + 1000);
  await store.remove(nymblKey, serverToken('one'));
  expect((await records.read(id)).value).toBe('garbage');
});

test('a lease has one owner until it expires', async () => {
  const { store, pass } = setUp();
  expect(await store.acquire(nymblKey, 'one', 100)).toEqual(acquired);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
  pass(99);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
  pass(1);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(acquired);
  expect(await store.extend(nymblKey, 'one', 100)).toBe(false);
});

test('only its owner can extend a lease', async () => {
  const { store, pass } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  pass(90);
  expect(await store.extend(nymblKey, 'two', 100)).toBe(false);
  expect(await store.extend(nymblKey, 'one', 100)).toBe(true);
  pass(90);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
});

test('only its owner can release a lease', async () => {
  const { store } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  await store.release(nymblKey, 'two');
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
  await store.release(nymblKey, 'one');
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(acquired);
});

test('the first of several concurrent replicas acquires the lease', async () => {
  const { store } = setUp();
  const results = await Promise.all(['one', 'two', 'three'].map((owner) => store.acquire(nymblKey, owner, 100)));
  expect(results).toEqual([acquired, { state: 'held', holder: '' }, { state: 'held', holder: '' }]);
});

test('no replica acquires the lease during a cool-down, and the next owner receives the number of failures', async () => {
  const { store, pass } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  await store.coolDown(nymblKey, 'two', failure, 5000);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
  await store.coolDown(nymblKey, 'one', failure, 5000);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual({ state: 'cooling', failure, remainingMs: 5000 });
  pass(4999);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual({ state: 'cooling', failure, remainingMs: 1 });
  pass(1);
  const results = await Promise.all(['two', 'three'].map((owner) => store.acquire(nymblKey, owner, 100)));
  expect(results).toEqual([
    { state: 'acquired', attempts: 3 },
    { state: 'held', holder: '' },
  ]);
});

test('a sealed store forgets a failure a minute after its cool-down', async () => {
  const { store, pass } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  await store.coolDown(nymblKey, 'one', failure, 5000);
  pass(65_000);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(acquired);
});

test.each([
  ['garbage', 1000],
  ['', 1000],
  ['owner:', 1000],
  ['owner:with blanks in it', 1000],
  [`owner:${'x'.repeat(65)}`, 1000],
  ['x owner:one', 1000],
  ['owner:never-ending', Number.POSITIVE_INFINITY],
  ['owner:for-too-long', 7_200_001],
])('the foreign value %j in the lease record of a key does not prevent a lease', async (bytes, lifetimeMs) => {
  const { store, records, written, now } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  await store.release(nymblKey, 'one');
  const id = [...written.keys()][0] ?? '';
  await records.write(id, bytes, now() + lifetimeMs);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(acquired);
});

test('a lease record without an expiry does not prevent a lease', async () => {
  const { records, now } = setUp();
  const endless = { ...records, read: async () => ({ nowMs: now(), value: 'owner:one' }) };
  const store = createSealedStore({ records: endless, sealingKeys });
  await records.add('x', 'y', 1);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(acquired);
});

test('a sealed store respects a lease with the maximum life and the longest owner name', async () => {
  const { store, records, written, now } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  const id = [...written.keys()][0] ?? '';
  const longest = `owner:${'x'.repeat(64)}`;
  await records.write(id, longest, now() + 7_200_000);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual({ state: 'held', holder: longest });
});

test('a sealed store closes its records', async () => {
  let closed = false;
  const records = { ...createMemoryRecords(), close: async () => void (closed = true) };
  await createSealedStore({ records, sealingKeys }).close();
  expect(closed).toBe(true);
});

test.each([
  ['no keys', { sealingKeys: [] }, 'sealingKeys: must have at least one key'],
  ['two keys with one id', { sealingKeys: [...sealingKeys, ...sealingKeys] }, 'sealingKeys: must have different ids'],
  ['a key with an empty id', { sealingKeys: [{ id: '', secret }] }, 'must be 1 to 32 letters, digits, - or _'],
  ['a key id with a dot', { sealingKeys: [{ id: 'a.b', secret }] }, 'must be 1 to 32 letters, digits, - or _'],
  ['a long key id', { sealingKeys: [{ id: 'x'.repeat(33), secret }] }, 'must be 1 to 32 letters, digits, - or _'],
  [
    'a short secret',
    { sealingKeys: [{ id: 'a', secret: new Secret('x'.repeat(31)) }] },
    'sealingKeys.0.secret: must have at least 32 characters',
  ],
  [
    'a secret in clear',
    { sealingKeys: [{ id: 'a', secret: 'x'.repeat(32) }] },
    'sealingKeys.0.secret: must be a Secret',
  ],
  ['a key without a secret', { sealingKeys: [{ id: 'a', secret: null }] }, 'sealingKeys.0.secret: must be a Secret'],
  ['an unknown field of a key', { sealingKeys: [{ id: 'a', secret, use: 'seal' }] }, 'use: is not a known field'],
  ['an empty prefix', { prefix: '' }, 'prefix: must be 1 to 64 letters, digits, : . - or _'],
  ['a prefix with braces', { prefix: 'a{b}' }, 'prefix: must be 1 to 64 letters, digits, : . - or _'],
  ['a long prefix', { prefix: 'x'.repeat(65) }, 'prefix: must be 1 to 64 letters, digits, : . - or _'],
  ['a timeoutMs of zero', { timeoutMs: 0 }, 'timeoutMs'],
  ['a timeoutMs of more than a minute', { timeoutMs: 60_001 }, 'timeoutMs'],
  ['records without functions', { records: {} }, 'records: must have the functions read, write, add, replace, remove'],
  ['an unknown option', { ttl: 5 }, 'ttl: is not a known field'],
])('createSealedStore refuses %s', (_, options, named) => {
  const create = () => createSealedStore({ records: createMemoryRecords(), sealingKeys, ...options } as never);
  expect(create).toThrow(TypeError);
  expect(create).toThrow('The options of the sealed store are invalid: ');
  expect(create).toThrow(named);
});

test('createSealedStore accepts a secret of 32 characters and a timeoutMs', () => {
  const shortest = [{ id: 'a', secret: new Secret('x'.repeat(32)) }];
  expect(createSealedStore({ records: createMemoryRecords(), sealingKeys: shortest }).timeoutMs).toBe(250);
  expect(createSealedStore({ records: createMemoryRecords(), sealingKeys, timeoutMs: 100 }).timeoutMs).toBe(100);
});
