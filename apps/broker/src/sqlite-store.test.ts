import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSqliteStore } from './sqlite-store.ts';
import type { Decision, Store } from './store.ts';

let folder: string;
let path: string;
let store: Store;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  path = join(folder, 'new', 'valetkey.sqlite');
  store = createSqliteStore(path);
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const key = { vendor: 'vital', issuer: 'https://id.example.com', subject: 'alice' };

test('keeps the first vendor user of a person', async () => {
  expect(await store.findVendorUser(key)).toBeUndefined();
  expect(await store.addVendorUser(key, 'one')).toBe('one');
  expect(await store.addVendorUser(key, 'two')).toBe('one');
  expect(await store.findVendorUser(key)).toBe('one');
});

test('tells people apart by issuer and subject, to the letter', async () => {
  await store.addVendorUser(key, 'one');
  for (const other of [
    { ...key, issuer: 'https://else.example.com' },
    { ...key, subject: 'Alice' },
    { ...key, subject: 'alice ' },
    { ...key, vendor: 'nabla' },
  ]) {
    expect(await store.findVendorUser(other)).toBeUndefined();
  }
});

test('an operator sets what is there, and forgets exactly one', async () => {
  await store.setVendorUser(key, 'one');
  await store.setVendorUser(key, 'two');
  expect(await store.removeVendorUser(key, 'one')).toBe(false);
  expect(await store.listVendorUsers(key)).toEqual(new Map([['vital', 'two']]));
  expect(await store.removeVendorUser(key, 'two')).toBe(true);
  expect(await store.findVendorUser(key)).toBeUndefined();
});

test('two processes on one file see one truth, and it outlives them', async () => {
  const other = createSqliteStore(path);
  expect(await store.addVendorUser(key, 'one')).toBe('one');
  expect(await other.addVendorUser(key, 'two')).toBe('one');
  await other.close();
  await store.close();
  store = createSqliteStore(path);
  expect(await store.findVendorUser(key)).toBe('one');
});

test('records decisions, newest first', async () => {
  const decision: Decision = {
    at: '2026-01-01T00:00:00.000Z',
    requestId: 'r1',
    operation: 'issue',
    ...key,
    vendorUserId: 'one',
    outcome: 'allowed',
  };
  const { vendorUserId: _, ...refused } = { ...decision, requestId: 'r2', outcome: 'forbidden' };
  await store.recordDecision(decision);
  await store.recordDecision(refused);
  expect(await store.listDecisions(10)).toEqual([{ ...refused, vendorUserId: undefined }, decision]);
  expect(await store.listDecisions(1)).toHaveLength(1);
});

test('its file is readable by the owner alone', async () => {
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a closed store says that it cannot be used', async () => {
  const closed = createSqliteStore(':memory:');
  await closed.check();
  await closed.close();
  await expect(closed.check()).rejects.toThrow(Error);
});
