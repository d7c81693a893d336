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
const floorName = 'Map behind an await';
const lifetimeSeconds = 3600;
const lifetimeMs = lifetimeSeconds * 1000;

const makeKey = (index: number): TokenKey =>
  Object.freeze({
    vendor: 'nymbl',
    client: `client-${index % 7}`,
    scope: `nymbl-customer-api/customer-${index}`,
    secretVersion: '1',
  });

const keys = Array.from({ length: keyCount }, (_, index) => makeKey(index));
const texts = keys.map((key) => JSON.stringify(key));
const token: ServerToken = {
  kind: 'server',
  vendor: 'nymbl',
  secret: new Secret('sandbox-only-token'),
  expiresInSeconds: lifetimeSeconds,
};
const issue = async (): Promise<ServerToken> => token;

/** Keys in an order that no cache can guess. */
const keyAt = (index: number): TokenKey => keys[(index * 7919) % keyCount] as TokenKey;
const textAt = (index: number): string => texts[(index * 7919) % keyCount] as string;

/** The same work for each: the token of a key that is there, or else the vendor's. */
const createContestants = async (): Promise<Contestant[]> => {
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
    { name: floorName, prepare: () => (index) => map.get(textAt(index)) },
    { name: '**token-cache**', prepare: () => (index) => ours.get(keyAt(index), issue) },
    { name: 'lru-cache `fetch`', prepare: () => (index) => lru.fetch(textAt(index)) },
    { name: 'async-cache-dedupe', prepare: () => (index) => defined.token(textAt(index)) },
    { name: 'cacheable `getOrSet`', prepare: () => (index) => cacheable.getOrSet(textAt(index), issue) },
    { name: 'bentocache `getOrSet`', prepare: () => (index) => bentoGet(textAt(index)) },
  ];
};

/** The same with a key object that is made for each call, as by those who derive it from the request. */
const createNewcomers = async (): Promise<Contestant[]> => {
  const map = new Map(texts.map((text) => [text, token]));
  const ours = createTokenCache();
  await Promise.all(keys.map((key) => ours.get(key, issue)));
  return [
    { name: floorName, prepare: () => (index) => map.get(textAt(index)) },
    { name: 'token-cache, a new key object each time', prepare: () => (index) => ours.get({ ...keyAt(index) }, issue) },
  ];
};

interface Row {
  readonly name: string;
  readonly rate: number;
  readonly ratio: number;
}

/** Each round has its own floor: on a busy machine, rounds differ more than contestants do. */
const compare = async (contestants: readonly Contestant[]): Promise<Row[]> => {
  const rounds: Map<string, number>[] = [];
  for (let round = 0; round < roundCount; round += 1) {
    rounds.push(await race(contestants, { rounds: 1, operations: 100_000, concurrency: 1 }));
  }
  const rateIn = (rates: Map<string, number>, name: string): number => rates.get(name) ?? Number.NaN;
  return contestants.map(({ name }) => ({
    name,
    rate: median(rounds.map((rates) => rateIn(rates, name))),
    ratio: median(rounds.map((rates) => rateIn(rates, name) / rateIn(rates, floorName))),
  }));
};

/** 10,000 callers at once who all miss: how long until the last one is answered, against the call's own time. */
const measureStorm = async (): Promise<{ readonly ratio: number; readonly calls: number }> => {
  const ratios: number[] = [];
  let calls = 0;
  const rounds = 7;
  for (let round = 0; round < rounds; round += 1) {
    const cache = createTokenCache();
    let ownMs = 0;
    const slowIssue = async (): Promise<ServerToken> => {
      calls += 1;
      const startedAt = performance.now();
      await new Promise((resolve) => void setTimeout(resolve, 200));
      ownMs = performance.now() - startedAt;
      return token;
    };
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 10_000 }, () => cache.get(makeKey(1), slowIssue)));
    ratios.push((performance.now() - startedAt) / ownMs);
  }
  return { ratio: median(ratios), calls: calls / rounds };
};

/** 1,000,000 keys through a cache that may hold 10,000. */
const measureMemory = async (): Promise<{
  readonly entries: number;
  readonly heapMb: number;
  readonly fullHeapMb: number;
}> => {
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
      await cache.get(makeKey(index), issue);
      // As in a server, where requests come from outside, the event loop turns.
      if (index % 1000 === 0) await new Promise((resolve) => void setImmediate(resolve));
    }
    return heapMb() - beforeMb;
  };
  const fullHeapMb = await fill(0, 10_000);
  const endHeapMb = await fill(10_000, 1_000_000);
  return { entries: cache.stats().entries, heapMb: endHeapMb, fullHeapMb };
};

/** Races the hit path, makes the storm, fills the memory; writes the section `cache` of docs/benchmarks.md. */
export const run = async (): Promise<void> => {
  const peers = await compare(await createContestants());
  const newcomers = (await compare(await createNewcomers())).slice(1);
  const rows = [...peers, ...newcomers].map(({ name, rate, ratio }) => [
    name,
    `${(rate / 1e6).toFixed(2)} M`,
    ratio.toFixed(2),
  ]);
  const storm = await measureStorm();
  const memory = await measureMemory();
  const text = [
    '## The token of a key that is there (`pnpm bench cache`)',
    describeMachine(),
    `Medians of ${roundCount} rounds in which all take turns; ${keyCount} keys in scattered order, one caller after the other.`,
    formatTable(['', 'gets a second', 'of a bare Map'], rows),
    `A storm of 10,000 callers at once for a token that nobody has: ${storm.calls} call, and the last caller is answered after ${storm.ratio.toFixed(2)} times the 200 ms of that call.`,
    `1,000,000 keys through a cache of 10,000: ${memory.entries} are kept, in ${memory.heapMb.toFixed(1)} MB of heap (${memory.fullHeapMb.toFixed(1)} MB when it was first full).`,
  ].join('\n\n');
  process.stdout.write(`${text}\n`);
  writeSection('cache', text);
};

await run();
