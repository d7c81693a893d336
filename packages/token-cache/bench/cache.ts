import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Secret, type ServerToken, type TokenKey } from '@valetkey/core-types';
import { createCache } from 'async-cache-dedupe';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { Cacheable } from 'cacheable';
import { LRUCache } from 'lru-cache';
import { type Contestant, median, race } from '../../../tools/bench/measure.ts';
import { describeMachine, formatTable, writeSection } from '../../../tools/bench/report.ts';
import { createTokenCache } from '../src/index.ts';

const keyCount = 1000;
const roundCount = 21;
const mapName = 'Map behind an await';
const lifetimeSeconds = 3600;
const lifetimeMs = lifetimeSeconds * 1000;

function createKey(index: number): TokenKey {
  return Object.freeze({
    vendor: 'nymbl',
    client: `client-${index % 7}`,
    scope: `nymbl-customer-api/customer-${index}`,
    secretVersion: '1',
  });
}

const keys = Array.from({ length: keyCount }, (_, index) => createKey(index));
const texts = keys.map((key) => JSON.stringify(key));
const token: ServerToken = {
  kind: 'server',
  vendor: 'nymbl',
  secret: new Secret('sandbox-only-token'),
  expiresInSeconds: lifetimeSeconds,
};
const issue = async (): Promise<ServerToken> => token;

/** Returns keys in an order that no cache can predict. */
const keyAt = (index: number): TokenKey => keys[(index * 7919) % keyCount] as TokenKey;
const textAt = (index: number): string => texts[(index * 7919) % keyCount] as string;

/** Creates contestants that all return the token of a key from memory. */
async function createContestants(): Promise<Contestant[]> {
  const map = new Map(texts.map((text) => [text, token]));

  const ours = createTokenCache();
  await Promise.all(keys.map((key) => ours.get(key, issue)));

  const lru = new LRUCache<string, ServerToken>({ max: 10_000, ttl: lifetimeMs, fetchMethod: issue });
  await Promise.all(texts.map((text) => lru.fetch(text)));

  const dedupe = createCache({ ttl: lifetimeSeconds, storage: { type: 'memory', options: { size: 10_000 } } });
  const defined = dedupe.define('token', async (_key: string) => token);
  await Promise.all(texts.map((text) => defined.token(text)));

  const cacheable = new Cacheable({ ttl: lifetimeMs });
  await Promise.all(texts.map((text) => cacheable.getOrSet(text, issue)));

  const bento = new BentoCache({
    default: 'memory',
    stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: 10_000, serialize: false })) },
  });
  const bentoGet = (key: string): Promise<ServerToken> => bento.getOrSet({ key, ttl: lifetimeMs, factory: issue });
  await Promise.all(texts.map(bentoGet));

  return [
    { name: mapName, prepare: () => (index) => map.get(textAt(index)) },
    { name: '**token-cache**', prepare: () => (index) => ours.get(keyAt(index), issue) },
    { name: 'lru-cache `fetch`', prepare: () => (index) => lru.fetch(textAt(index)) },
    { name: 'async-cache-dedupe', prepare: () => (index) => defined.token(textAt(index)) },
    { name: 'cacheable `getOrSet`', prepare: () => (index) => cacheable.getOrSet(textAt(index), issue) },
    { name: 'bentocache `getOrSet`', prepare: () => (index) => bentoGet(textAt(index)) },
  ];
}

/**
 * Creates contestants whose caller creates a new key object for each call, like a program that derives it from a
 * request.
 */
async function createNewKeyContestants(): Promise<Contestant[]> {
  const map = new Map(texts.map((text) => [text, token]));
  const ours = createTokenCache();
  await Promise.all(keys.map((key) => ours.get(key, issue)));
  return [
    { name: mapName, prepare: () => (index) => map.get(textAt(index)) },
    { name: 'token-cache, a new key object each time', prepare: () => (index) => ours.get({ ...keyAt(index) }, issue) },
  ];
}

interface Row {
  readonly name: string;
  readonly rate: number;
  readonly ratio: number;
}

/** Compares contestants with the bare Map of the same round: on a busy machine, rounds differ more than contestants. */
async function compare(contestants: readonly Contestant[]): Promise<Row[]> {
  const rounds: Map<string, number>[] = [];
  for (let round = 0; round < roundCount; round += 1) {
    rounds.push(await race(contestants, { rounds: 1, operations: 100_000, concurrency: 1 }));
  }
  const rateIn = (rates: Map<string, number>, name: string): number => rates.get(name) ?? Number.NaN;
  return contestants.map(({ name }) => ({
    name,
    rate: median(rounds.map((rates) => rateIn(rates, name))),
    ratio: median(rounds.map((rates) => rateIn(rates, name) / rateIn(rates, mapName))),
  }));
}

/**
 * Measures how long the last of 10,000 concurrent callers without a token waits, relative to the call to the vendor.
 */
async function measureStorm(): Promise<{ readonly ratio: number; readonly calls: number }> {
  const ratios: number[] = [];
  let calls = 0;
  const rounds = 7;
  for (let round = 0; round < rounds; round += 1) {
    const cache = createTokenCache();
    let issueMs = 0;
    const slowIssue = async (): Promise<ServerToken> => {
      calls += 1;
      const startedAt = performance.now();
      await new Promise((resolve) => void setTimeout(resolve, 200));
      issueMs = performance.now() - startedAt;
      return token;
    };
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 10_000 }, () => cache.get(createKey(1), slowIssue)));
    ratios.push((performance.now() - startedAt) / issueMs);
  }
  return { ratio: median(ratios), calls: calls / rounds };
}

interface MemoryUse {
  readonly entries: number;
  readonly heapMb: number;
  readonly fullHeapMb: number;
}

/** Measures the memory of a cache for 10,000 keys after gets of 1,000,000 keys. */
async function measureMemory(): Promise<MemoryUse> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const heapMb = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };
  const beforeMb = heapMb();
  const cache = createTokenCache();
  const fill = async (from: number, to: number): Promise<number> => {
    for (let index = from; index < to; index += 1) {
      await cache.get(createKey(index), issue);
      // In a server, the event loop turns between requests.
      if (index % 1000 === 0) await new Promise((resolve) => void setImmediate(resolve));
    }
    return heapMb() - beforeMb;
  };
  const fullHeapMb = await fill(0, 10_000);
  const endHeapMb = await fill(10_000, 1_000_000);
  return { entries: cache.stats().entries, heapMb: endHeapMb, fullHeapMb };
}

/** Measures the hit path, concurrent callers and memory, and writes the section `cache` of docs/benchmarks.md. */
export async function run(): Promise<void> {
  const peers = await compare(await createContestants());
  const newKeys = (await compare(await createNewKeyContestants())).slice(1);
  const rows = [...peers, ...newKeys].map(({ name, rate, ratio }) => [
    name,
    `${(rate / 1e6).toFixed(2)} M`,
    ratio.toFixed(2),
  ]);
  const storm = await measureStorm();
  const memory = await measureMemory();
  const text = [
    '## A token from memory (`pnpm bench cache`)',
    describeMachine(),
    `Medians of ${roundCount} rounds in which the caches take turns, with ${keyCount} keys in scattered order and one caller at a time.`,
    formatTable(['', 'gets per second', 'relative to a bare Map'], rows),
    `10,000 concurrent callers without a token cause ${storm.calls} call to the vendor, which takes 200 ms; the last caller has the token after ${storm.ratio.toFixed(2)} times that.`,
    `A cache of 10,000 keys that was asked for 1,000,000 holds ${memory.entries}, in ${memory.heapMb.toFixed(1)} MB of heap (${memory.fullHeapMb.toFixed(1)} MB when it was first full).`,
  ].join('\n\n');
  process.stdout.write(`${text}\n`);
  writeSection('cache', text);
}

await run();
