import { setTimeout as wait } from 'node:timers/promises';
import { median } from '../../../tools/bench/measure.ts';
import { formatTable } from '../../../tools/bench/report.ts';
import { byHand, floor, issuePath, onPostgres, onSqlite, openBench } from './broker-contestants.ts';
import { startLoad } from './broker-measure.ts';
import { residentMebibytes, startServer } from './broker-process.ts';

const users = 2_000;
const steps = 8;
const issuesPerStep = 9_500;

/** Returns the resident memory of each server in MiB: at rest after the start, and after each 9,500 tokens. */
export async function measureMemory(say: (text: string) => void): Promise<Map<string, number[]>> {
  const bench = await openBench({ users });
  const load = startLoad();
  const results = new Map<string, number[]>();
  try {
    for (const name of [floor, byHand, onSqlite, onPostgres]) {
      const { url, pid, stop } = await bench.start(name);
      await wait(1_000);
      const sizes = [residentMebibytes(pid)];
      for (let step = 0; step < steps; step += 1) {
        const phases = [{ seconds: 0, minRequests: issuesPerStep }];
        await load.send({ url, method: 'POST', path: issuePath, tokens: bench.tokens, connections: 50, phases });
        sizes.push(residentMebibytes(pid));
      }
      await stop();
      results.set(name, sizes);
      say(`memory, ${name}: ${sizes.map((size) => size.toFixed(0)).join(' ')} MiB`);
    }
    return results;
  } finally {
    load.stop();
    await bench.close();
  }
}

/** Returns the table of the memory, with a row for each step. */
export function formatMemory(sizes: ReadonlyMap<string, readonly number[]>): string {
  const rows = Array.from({ length: steps + 1 }, (_, step) => [
    (step * issuesPerStep).toLocaleString('en-US'),
    ...[...sizes.values()].map((list) => (list[step] ?? Number.NaN).toFixed(0)),
  ]);
  return formatTable(['Tokens issued; resident memory, MiB', ...sizes.keys()], rows);
}

const nodeAlone = 'floor: Node prints a line';
const announce = (url: string): string => `process.stdout.write('listens on ' + ${url} + '\\n');`;
const bareFastify = `import fastify from 'fastify'; const url = await fastify().listen({ host: '127.0.0.1', port: 0 }); ${announce('url')}`;

/** How long a server needs until it listens, in milliseconds. */
export interface StartTime {
  readonly wall: number;
  readonly processor: number;
}

/** Returns the median time from the start of each process until it listens. A first start is not counted. */
export async function measureStart(starts: number, say: (text: string) => void): Promise<Map<string, StartTime>> {
  const bench = await openBench({ users: 1 });
  try {
    const programs = new Map([
      [nodeAlone, ['-e', `${announce("'http://127.0.0.1:1'")} setInterval(() => {}, 60_000)`]],
      [floor, ['--input-type=module', '-e', bareFastify]],
      [onSqlite, await bench.argumentsOf(onSqlite)],
      [onPostgres, await bench.argumentsOf(onPostgres)],
    ]);
    const times = new Map<string, StartTime[]>([...programs.keys()].map((name) => [name, []]));
    for (let round = -1; round < starts; round += 1) {
      for (const [name, args] of programs) {
        const { startMs: wall, startCpuMs: processor, stop } = await startServer(args);
        await stop();
        if (round >= 0) times.get(name)?.push({ wall, processor });
      }
    }
    const medianOf = (list: readonly StartTime[]): StartTime => ({
      wall: median(list.map(({ wall }) => wall)),
      processor: median(list.map(({ processor }) => processor)),
    });
    const medians = new Map([...times].map(([name, list]) => [name, medianOf(list)]));
    say(`start: ${[...medians].map(([name, { wall }]) => `${name} ${wall.toFixed(0)} ms`).join(', ')}`);
    return medians;
  } finally {
    await bench.close();
  }
}

/** Returns the table of the starts. */
export function formatStart(starts: ReadonlyMap<string, StartTime>): string {
  const ours = starts.get(onSqlite);
  const cell = (time: StartTime, key: keyof StartTime): string =>
    `${time[key].toFixed(0)} (${(time[key] / (ours?.[key] ?? Number.NaN)).toFixed(2)})`;
  const rows = [...starts].map(([name, time]) => [name, cell(time, 'wall'), cell(time, 'processor')]);
  return formatTable(['From the start of the process until it listens', 'ms', 'processor time, ms'], rows);
}
