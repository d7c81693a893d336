import { Secret, type TokenKey } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createMemoryRecords } from './memory-records.ts';
import { createSealedStore, type SealedStoreOptions } from './store.ts';
import type { RecordStore, StoredFailure } from './store-types.ts';
import { nymblKey, serverToken } from './testing/server-token.ts';

const secret = new Secret('sandbox-only-sealing-key-of-32-characters');
const sealingKeys = [{ id: '2026-11', secret }];
const failure: StoredFailure = { code: 'vendor_unavailable', detail: 'Down.', vendor: 'nymbl', attempts: 3 };

const setUp = (options: Partial<SealedStoreOptions> = {}) => {
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
};

const held = { state: 'held', holder: 'owner:one' };
const acquired = { state: 'acquired', attempts: 0 };

test('keeps a token until its end, by the clock of the store', async () => {
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

test('names records by a keyed hash, both of a key in one slot, and seals what is in them', async () => {
  const { store, stored, written } = setUp();
  await store.write(nymblKey, stored('canary'));
  await store.acquire(nymblKey, 'one', 100);
  const ids = [...written.keys()];
  expect(ids[0]).toMatch(/^valetkey:\{[\w-]{43}\}:token$/);
  expect(ids[1]).toBe(ids[0]?.replace(':token', ':lease'));
  expect(JSON.stringify([...written])).not.toMatch(/canary|nymbl|acme|sandbox-only/);
});

test("the prefix is the operator's", async () => {
  const { store, stored, written } = setUp({ prefix: 'app:1' });
  await store.write(nymblKey, stored('canary'));
  expect([...written.keys()][0]).toMatch(/^app:1:\{/);
});

test('a value that was moved to another key is taken for nothing', async () => {
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

test('removes exactly the token that it is shown', async () => {
  const { store, stored } = setUp();
  await store.remove(nymblKey, serverToken('one'));
  await store.write(nymblKey, stored('one'));
  await store.remove(nymblKey, serverToken('other'));
  expect((await store.read(nymblKey)).stored).toBeDefined();
  await store.remove(nymblKey, serverToken('one'));
  expect((await store.read(nymblKey)).stored).toBeUndefined();
});

test('leaves foreign bytes where a token is to be removed', async () => {
  const { store, stored, records, written, now } = setUp();
  await store.write(nymblKey, stored('one'));
  const id = [...written.keys()][0] ?? '';
  await records.write(id, 'garbage', now() + 1000);
  await store.remove(nymblKey, serverToken('one'));
  expect((await records.read(id)).value).toBe('garbage');
});

test('one owner has the lease until it is over', async () => {
  const { store, pass } = setUp();
  expect(await store.acquire(nymblKey, 'one', 100)).toEqual(acquired);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
  pass(99);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
  pass(1);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(acquired);
  expect(await store.renew(nymblKey, 'one', 100)).toBe(false);
});

test('its owner renews it, and nobody else', async () => {
  const { store, pass } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  pass(90);
  expect(await store.renew(nymblKey, 'two', 100)).toBe(false);
  expect(await store.renew(nymblKey, 'one', 100)).toBe(true);
  pass(90);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
});

test('its owner releases it, and nobody else', async () => {
  const { store } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  await store.release(nymblKey, 'two');
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
  await store.release(nymblKey, 'one');
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(acquired);
});

test('who is second in a race for the lease does not have it', async () => {
  const { store } = setUp();
  const answers = await Promise.all(['one', 'two', 'three'].map((owner) => store.acquire(nymblKey, owner, 100)));
  expect(answers).toEqual([acquired, { state: 'held', holder: '' }, { state: 'held', holder: '' }]);
});

test('a failure holds everyone back for its time, then the next owner knows how many there were', async () => {
  const { store, pass } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  await store.coolDown(nymblKey, 'two', failure, 5000);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(held);
  await store.coolDown(nymblKey, 'one', failure, 5000);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual({ state: 'cooling', failure, remainingMs: 5000 });
  pass(4999);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual({ state: 'cooling', failure, remainingMs: 1 });
  pass(1);
  const answers = await Promise.all(['two', 'three'].map((owner) => store.acquire(nymblKey, owner, 100)));
  expect(answers).toEqual([
    { state: 'acquired', attempts: 3 },
    { state: 'held', holder: '' },
  ]);
});

test('a failure is forgotten a minute after its time', async () => {
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
])('foreign bytes (%j) do not hold a key up', async (bytes, lifetimeMs) => {
  const { store, records, written, now } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  await store.release(nymblKey, 'one');
  const id = [...written.keys()][0] ?? '';
  await records.write(id, bytes, now() + lifetimeMs);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(acquired);
});

test('a record that does not say when it ends is a foreign one', async () => {
  const { records, now } = setUp();
  const endless = { ...records, read: async () => ({ nowMs: now(), value: 'owner:one' }) };
  const store = createSealedStore({ records: endless, sealingKeys });
  await records.add('x', 'y', 1);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual(acquired);
});

test('the longest lease and the longest owner are no foreign ones', async () => {
  const { store, records, written, now } = setUp();
  await store.acquire(nymblKey, 'one', 100);
  const id = [...written.keys()][0] ?? '';
  const longest = `owner:${'x'.repeat(64)}`;
  await records.write(id, longest, now() + 7_200_000);
  expect(await store.acquire(nymblKey, 'two', 100)).toEqual({ state: 'held', holder: longest });
});

test('closes its records', async () => {
  let closed = false;
  const records = { ...createMemoryRecords(), close: async () => void (closed = true) };
  await createSealedStore({ records, sealingKeys }).close();
  expect(closed).toBe(true);
});

test.each([
  ['no keys', { sealingKeys: [] }, 'sealingKeys'],
  ['two keys with one id', { sealingKeys: [...sealingKeys, ...sealingKeys] }, 'must have ids of their own'],
  ['a key without an id', { sealingKeys: [{ id: '', secret }] }, 'must be 1 to 32 letters, digits, - or _'],
  ['an id with a dot', { sealingKeys: [{ id: 'a.b', secret }] }, 'must be 1 to 32 letters, digits, - or _'],
  ['an id that is long', { sealingKeys: [{ id: 'x'.repeat(33), secret }] }, 'must be 1 to 32 letters, digits, - or _'],
  [
    'a short secret',
    { sealingKeys: [{ id: 'a', secret: new Secret('x'.repeat(31)) }] },
    'must be a Secret of at least 32 characters',
  ],
  [
    'a secret in clear',
    { sealingKeys: [{ id: 'a', secret: 'x'.repeat(32) }] },
    'must be a Secret of at least 32 characters',
  ],
  ['no secret', { sealingKeys: [{ id: 'a', secret: null }] }, 'must be a Secret of at least 32 characters'],
  ['more about a key than it has', { sealingKeys: [{ id: 'a', secret, use: 'seal' }] }, 'use'],
  ['an empty prefix', { prefix: '' }, 'must be 1 to 64 letters, digits, : . - or _'],
  ['a prefix with braces', { prefix: 'a{b}' }, 'must be 1 to 64 letters, digits, : . - or _'],
  ['a prefix that is long', { prefix: 'x'.repeat(65) }, 'must be 1 to 64 letters, digits, : . - or _'],
  ['no time at all', { timeoutMs: 0 }, 'timeoutMs'],
  ['more than a minute', { timeoutMs: 60_001 }, 'timeoutMs'],
  ['an unknown option', { ttl: 5 }, 'ttl'],
])('refuses %s', (_, options, named) => {
  const create = () => createSealedStore({ records: createMemoryRecords(), sealingKeys, ...options } as never);
  expect(create).toThrow(TypeError);
  expect(create).toThrow('The options of the store are wrong.');
  expect(create).toThrow(named);
});

test("the shortest secret will do, and the deadline is the operator's", () => {
  const shortest = [{ id: 'a', secret: new Secret('x'.repeat(32)) }];
  expect(createSealedStore({ records: createMemoryRecords(), sealingKeys: shortest }).timeoutMs).toBe(250);
  expect(createSealedStore({ records: createMemoryRecords(), sealingKeys, timeoutMs: 100 }).timeoutMs).toBe(100);
});
