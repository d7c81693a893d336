import { ValetKeyError } from '@valetkey/core-types';
import type { RedisStore } from '@valetkey/token-cache/redis';
import { expect, test } from 'vitest';
import { watchStore } from '../storage/served-store.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Store } from '../storage/store.ts';
import { createLogger } from './logger.ts';
import { createOutageReporter, watchPing } from './outage-reporter.ts';

const alice = { connection: 'vital', vendor: 'vital', issuer: 'https://id.example.com', subject: 'alice' };

/** Watches a store whose operations fail with the given reasons. The clock advances by a second with each reading. */
function createHarness() {
  const reasons: Partial<Record<keyof Store, string>> = {};
  const lines: string[] = [];
  const counts: Record<string, number> = {};
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => (nowMs += 1_000) };
  const logger = createLogger('info', { write: (line) => void lines.push(line) });
  const countStoreFailure = (store: string, reason: string) => {
    counts[`${store} ${reason}`] = (counts[`${store} ${reason}`] ?? 0) + 1;
  };
  const explain = (reason: string) => `About ${reason}.`;
  const outage = createOutageReporter({
    store: 'database',
    level: 'error',
    explain,
    clock,
    logger,
    metrics: { countStoreFailure },
  });
  const sqlite = createSqliteStore(':memory:');
  const failing = Object.fromEntries(
    Object.entries(sqlite).map(([name, run]) => [
      name,
      async (...values: unknown[]) => {
        const reason = reasons[name as keyof Store];
        if (reason !== undefined) throw new ValetKeyError('overloaded', 'canary', { reason });
        return (run as (...given: unknown[]) => Promise<unknown>)(...values);
      },
    ]),
  ) as unknown as Store;
  return {
    reasons,
    counts,
    outage,
    store: watchStore(failing, outage),
    messages: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    texts: () => lines.map((line) => (JSON.parse(line) as { msg: string }).msg),
  };
}

const settle = (call: Promise<unknown>) => call.catch(() => undefined);

test('the broker logs an outage of the store once with its reason and advice, and the end once with its duration and failures', async () => {
  const { store, reasons, counts, messages } = createHarness();
  reasons.isBlocked = 'ECONNREFUSED';
  reasons.recordDecisions = 'ECONNREFUSED';
  for (let count = 0; count < 3; count += 1) await expect(store.isBlocked(alice)).rejects.toThrow('canary');
  expect(messages()).toMatchObject([
    { level: 50, msg: 'store is unusable', store: 'database', reason: 'ECONNREFUSED', advice: 'About ECONNREFUSED.' },
  ]);
  expect(counts).toEqual({ 'database ECONNREFUSED': 3 });
  delete reasons.isBlocked;
  expect(await store.findVendorUser(alice)).toBeUndefined();
  expect(messages().slice(1)).toMatchObject([
    { level: 40, msg: 'store is usable again', store: 'database', durationMs: 1_000, failures: 3 },
  ]);
  expect(JSON.stringify(messages())).not.toContain('canary');
});

test('reads that succeed do not end an outage of writes, and a write that succeeds does', async () => {
  const { store, reasons, texts } = createHarness();
  reasons.addVendorUser = 'sqlite_13';
  for (let count = 0; count < 3; count += 1) {
    await settle(store.addVendorUser(alice, 'one'));
    await store.findVendorUser(alice);
    await store.isBlocked(alice);
  }
  expect(texts()).toEqual(['store is unusable']);
  await store.blockUser(alice);
  expect(texts()).toEqual(['store is unusable', 'store is usable again']);
});

test('an outage of one operation ends when this operation or a check of the store succeeds', async () => {
  const { store, reasons, texts } = createHarness();
  for (const recover of [() => store.isBlocked(alice), () => store.check()]) {
    reasons.isBlocked = '42501';
    await settle(store.isBlocked(alice));
    await store.blockUser(alice);
    await settle(store.isBlocked(alice));
    delete reasons.isBlocked;
    await recover();
  }
  expect(texts()).toEqual(['store is unusable', 'store is usable again', 'store is unusable', 'store is usable again']);
});

test('a call that began before a failure and succeeds after it does not end the outage', async () => {
  const { reasons, texts, outage } = createHarness();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const store = watchStore(
    {
      ...createSqliteStore(':memory:'),
      isBlocked: () => promise,
      check: () => Promise.reject(new ValetKeyError('overloaded', 'down', { reason: 'ECONNRESET' })),
    },
    outage,
  );
  expect(reasons).toEqual({});
  const early = store.isBlocked(alice);
  await settle(store.check());
  resolve(false);
  await early;
  expect(texts()).toEqual(['store is unusable']);
});

test('watchStore reports the failures and the recovery of a ping of Redis', async () => {
  const { outage, texts, counts } = createHarness();
  let failure: unknown = Object.assign(new Error('canary'), { code: 'READONLY' });
  const ping = async () => {
    if (failure !== undefined) throw failure;
  };
  const redis = watchPing({ ping } as RedisStore, outage);
  await expect(redis.ping()).rejects.toThrow('canary');
  failure = new Error('canary');
  await expect(redis.ping()).rejects.toThrow('canary');
  failure = undefined;
  await redis.ping();
  expect(texts()).toEqual(['store is unusable', 'store is usable again']);
  expect(counts).toEqual({ 'database READONLY': 1, 'database timeout': 1 });
});
