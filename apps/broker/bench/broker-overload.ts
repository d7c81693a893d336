import { formatTable } from '../../../tools/bench/report.ts';
import { byHand, issuePath, onSqlite, openBench, type Bench } from './broker-contestants.ts';
import type { LoadSamples } from './broker-load.ts';
import { quantile, startLoad, type Load } from './broker-measure.ts';

const users = 2_000;
const vendorDelayMs = 20;
/**
 * The connections of a reverse proxy in front: open before the overload, because Node accepts only one new connection in each turn
 * of its event loop. A client that is refused comes back later, and not on a new connection.
 */
const connections = 2_000;
const openSeconds = 2;
const calmSeconds = 3;
const afterSeconds = 15;
const bucketMs = 500;

interface Overload {
  /** Requests per second that the server carries at most when each client waits for its response. */
  readonly peak: number;
  /** The successful responses per second during the overload. */
  readonly goodput: number;
  /** Of the other requests, the share with status 503 and `Retry-After`. */
  readonly refusedShare: number;
  readonly refusedP99Ms: number;
  readonly servedP99Ms: number;
  /** Seconds until no request failed and the latency was as before. NaN: not within 15 s. */
  readonly recoverySeconds: number;
  readonly statuses: ReadonlyMap<number, number>;
}

/** Sends twice as many requests as a server can carry, and returns what the server does with them. */
export async function measureOverload(
  seconds: number,
  say: (text: string) => void,
  names: readonly string[] = [onSqlite, byHand],
): Promise<Map<string, Overload>> {
  const bench = await openBench({ users, vendorDelayMs });
  const results = new Map<string, Overload>();
  try {
    for (const name of names) {
      const load = startLoad();
      const result = await overload(bench, load, { name, seconds });
      load.stop();
      results.set(name, result);
      say(`overload, ${name}: ${JSON.stringify({ ...result, statuses: [...result.statuses] })}`);
    }
    return results;
  } finally {
    await bench.close();
  }
}

async function overload(
  bench: Bench,
  load: Load,
  { name, seconds }: { readonly name: string; readonly seconds: number },
) {
  const server = await bench.start(name);
  const order = { url: server.url, method: 'POST', path: issuePath, tokens: bench.tokens } as const;
  await load.send({ ...order, connections: 128, phases: [{ seconds: 2, minRequests: 4 * users }] });
  const peaks: number[] = [];
  for (const atOnce of [50, 100, 200, 400]) {
    const { status } = await load.send({ ...order, connections: atOnce, phases: [{ seconds: calmSeconds }] });
    // A server that refuses these connections carries only the requests that it serves.
    peaks.push(status.filter((one) => one === 200).length / calmSeconds);
  }
  const peak = Math.max(...peaks);
  const calm = peak / 2;
  const samples = await load.send({
    ...order,
    connections,
    phases: [
      { seconds: openSeconds },
      { seconds: calmSeconds, perSecond: calm },
      { seconds, perSecond: 2 * peak },
      { seconds: afterSeconds, perSecond: calm },
    ],
  });
  await server.stop();
  return summarize(samples, { peak, seconds });
}

interface Request {
  readonly dueMs: number;
  readonly endMs: number;
  readonly latencyMs: number;
  readonly status: number;
  readonly hasRetryAfter: boolean;
}

function summarize(
  samples: LoadSamples,
  { peak, seconds }: { readonly peak: number; readonly seconds: number },
): Overload {
  const requests = Array.from(samples.dueMs, (dueMs, index): Request => {
    const latencyMs = samples.latencyMs[index] ?? Number.NaN;
    const status = samples.status[index] ?? 0;
    return { dueMs, endMs: dueMs + latencyMs, latencyMs, status, hasRetryAfter: samples.hasRetryAfter[index] === 1 };
  });
  const beginMs = (openSeconds + calmSeconds) * 1_000;
  const endMs = beginMs + seconds * 1_000;
  const before = requests.filter(({ dueMs }) => dueMs >= beginMs - 1_000 && dueMs < beginMs);
  const during = requests.filter(({ dueMs }) => dueMs >= beginMs && dueMs < endMs);
  const served = during.filter(({ status }) => status === 200);
  const others = during.filter(({ status }) => status !== 200);
  const refused = others.filter(({ status, hasRetryAfter }) => status === 503 && hasRetryAfter);
  const inTime = requests.filter(({ status, endMs: end }) => status === 200 && end >= beginMs && end < endMs);
  const statuses = new Map<number, number>();
  for (const { status } of during) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const after = requests.filter(({ dueMs }) => dueMs >= endMs);
  return {
    peak,
    goodput: inTime.length / seconds,
    refusedShare: others.length === 0 ? 1 : refused.length / others.length,
    refusedP99Ms: quantile(latenciesOf(refused), 0.99),
    servedP99Ms: quantile(latenciesOf(served), 0.99),
    recoverySeconds: secondsUntilNormal(after, endMs, 2 * quantile(latenciesOf(before), 0.99)),
    statuses,
  };
}

function latenciesOf(requests: readonly Request[]): number[] {
  return requests.map(({ latencyMs }) => latencyMs);
}

/** Returns the seconds until the end of the last interval that has a failure or a slow request. */
function secondsUntilNormal(after: readonly Request[], endMs: number, normalP99Ms: number): number {
  const buckets = Array.from({ length: (afterSeconds * 1_000) / bucketMs }, (): Request[] => []);
  for (const request of after) buckets[Math.floor((request.dueMs - endMs) / bucketMs)]?.push(request);
  const last = buckets.findLastIndex(
    (bucket) => bucket.some(({ status }) => status !== 200) || quantile(latenciesOf(bucket), 0.99) > normalP99Ms,
  );
  return last === buckets.length - 1 ? Number.NaN : ((last + 1) * bucketMs) / 1_000;
}

/** Returns the table of the overload. */
export function formatOverload(overloads: ReadonlyMap<string, Overload>): string {
  const rows = [...overloads].map(([name, { peak, goodput, refusedShare, ...times }]) => [
    name,
    Math.round(peak).toLocaleString('en-US'),
    (goodput / peak).toFixed(2),
    `${(refusedShare * 100).toFixed(1)} %`,
    times.refusedP99Ms.toFixed(0),
    times.servedP99Ms.toFixed(0),
    Number.isNaN(times.recoverySeconds) ? `more than ${afterSeconds}` : times.recoverySeconds.toFixed(1),
  ]);
  const head = [
    'Twice the peak',
    'peak, requests per second',
    'served / peak (aim: 0.8)',
    'others with 503 and `Retry-After`',
    'their p99, ms (aim: 50)',
    'p99 of the served, ms',
    'seconds until normal (aim: 5)',
  ];
  return formatTable(head, rows);
}
