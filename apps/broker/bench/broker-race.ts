import { formatTable } from '../../../tools/bench/report.ts';
import {
  authorizePath,
  floor,
  byHand,
  hasSynchronousOption,
  issuePath,
  onPostgres,
  onSqlite,
  onSqliteFull,
  openBench,
} from './broker-contestants.ts';
import { measureService, medianService, startLoad, type Service } from './broker-measure.ts';
import type { RunningServer } from './broker-process.ts';

const users = 2_000;
const connections = 50;

export interface RaceOptions {
  readonly seconds: number;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

const races = {
  authorize: { method: 'GET', path: authorizePath, names: [floor, byHand, onSqlite, onPostgres] },
  issue: {
    method: 'POST',
    path: issuePath,
    names: [floor, byHand, onSqlite, ...(hasSynchronousOption() ? [onSqliteFull] : []), onPostgres],
  },
} as const;

/** Measures all contestants of one race in turn, and returns the medians of the rounds. A first round warms up. */
export async function race(
  kind: keyof typeof races,
  { seconds, rounds, say }: RaceOptions,
): Promise<Map<string, Service>> {
  const { method, path, names } = races[kind];
  const bench = await openBench({ users });
  const load = startLoad();
  const order = { method, path, tokens: bench.tokens, connections };
  try {
    const servers = new Map<string, RunningServer>();
    for (const name of names) servers.set(name, await bench.start(name));
    const services = new Map<string, Service[]>(names.map((name) => [name, []]));
    for (let round = -1; round < rounds; round += 1) {
      // The first place rotates, so that no contestant always runs first.
      const first = (round + 1) % names.length;
      for (const name of [...names.slice(first), ...names.slice(0, first)]) {
        const server = servers.get(name);
        if (server === undefined) continue;
        // Before the first round counts, each token was used and the code is compiled.
        const minRequests = round < 0 ? 5 * users : 0;
        const service = await measureService(load, server, { ...order, seconds, minRequests });
        if (round >= 0) services.get(name)?.push(service);
        say(`${kind} ${round < 0 ? 'warm-up' : round + 1}, ${name}: ${describe(service)}`);
      }
    }
    return new Map([...services].map(([name, list]) => [name, medianService(list)]));
  } finally {
    load.stop();
    await bench.close();
  }
}

function describe(service: Service): string {
  const { perSecond, cpuMicroseconds, p50Ms, p99Ms, serverShare, loadShare } = service;
  const cores = `cores: server ${serverShare.toFixed(2)}, load ${loadShare.toFixed(2)}`;
  return `${Math.round(perSecond)}/s, ${cpuMicroseconds.toFixed(1)} µs, p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms (${cores})`;
}

/** Returns a table of the medians, with each figure's ratio to ours. */
export function formatRace(title: string, services: ReadonlyMap<string, Service>): string {
  const ours = services.get(onSqlite);
  const cell = (service: Service, key: keyof Service, digits: number): string => {
    const value = service[key];
    const text = digits === 0 ? Math.round(value).toLocaleString('en-US') : value.toFixed(digits);
    return `${text} (${(value / (ours?.[key] ?? Number.NaN)).toFixed(2)})`;
  };
  const rows = [...services].map(([name, service]) => [
    name.startsWith('Valet Key') ? `**${name}**` : name,
    cell(service, 'perSecond', 0),
    cell(service, 'cpuMicroseconds', 1),
    service.p50Ms.toFixed(1),
    service.p99Ms.toFixed(1),
    `${Math.round(service.serverShare * 100)} %`,
  ]);
  const head = [title, 'requests per second', 'processor time, µs', 'p50, ms', 'p99, ms', 'use of its core'];
  return formatTable(head, rows);
}

const barWidth = 50;

/** Returns a bar chart of the requests per second. */
export function drawRates(services: ReadonlyMap<string, Service>): string {
  const longest = Math.max(...[...services.keys()].map(({ length }) => length));
  const highest = Math.max(...[...services.values()].map(({ perSecond }) => perSecond));
  const lines = [...services].map(([name, { perSecond }]) => {
    const bar = '█'.repeat(Math.max(1, Math.round((perSecond / highest) * barWidth)));
    return `${name.padEnd(longest)} ${bar} ${Math.round(perSecond).toLocaleString('en-US')}`;
  });
  return ['```text', 'Requests per second', ...lines, '```'].join('\n');
}
