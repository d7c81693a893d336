// `pnpm bench scale [--rows 10000000] [--users 1000000] [--database sqlite|postgres] [--step fill|requests|lists|pauses|drop]`. Without
// `--step`, all steps run one after the other. Each step writes what is known so far.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { median } from '../../../tools/bench/measure.ts';
import { describeMachine, formatTable, writeSection } from '../../../tools/bench/report.ts';
import { createPostgresStore } from '../src/storage/postgres-store.ts';
import { createSqliteStore } from '../src/storage/sqlite-store.ts';
import type { Store } from '../src/storage/store.ts';
import { postgresServerUrl } from '../test/support/postgres-server.ts';
import { listCases, requestCases, type Case, type Subject } from './scale-cases.ts';
import { fillPostgres, fillSqlite, requestId, type Size } from './scale-fill.ts';
import { measurePauses, type Pauses } from './scale-pauses.ts';
import { openRequests } from './scale-requests.ts';

const { values } = parseArgs({
  // The first value is the name of the benchmark.
  args: process.argv.slice(3),
  options: {
    rows: { type: 'string', default: '10000000' },
    users: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '9' },
    database: { type: 'string' },
    step: { type: 'string' },
  },
});
const [decisions, users, rounds] = [Number(values.rows), Number(values.users), Number(values.rounds)];
const sizes = {
  small: { users: Math.min(users, 1_000), decisions, newest: 900 },
  large: { users, decisions },
} as const satisfies Record<string, Size>;
type Name = keyof typeof sizes;
const names = ['small', 'large'] as const;

const folder = join(tmpdir(), 'valetkey-scale');
const resultsFile = join(folder, 'results.json');

/** The medians of a case in microseconds: of the small store, and of the large one. */
interface Result {
  readonly name: string;
  readonly small: number;
  readonly large: number;
}
interface Results {
  cases: Record<string, Record<string, Result>>;
  pauses: Record<string, readonly Pauses[]>;
}

function readResults(): Results {
  if (existsSync(resultsFile)) return JSON.parse(readFileSync(resultsFile, 'utf8')) as Results;
  return { cases: {}, pauses: {} };
}

const schemaOf = (name: Name) => `valetkey_scale_${name}`;
async function execute(statement: string): Promise<void> {
  const client = new Client({ connectionString: postgresServerUrl });
  await client.connect();
  await client.query(statement);
  await client.end();
}
function postgresUrl(name: Name): string {
  const url = new URL(postgresServerUrl);
  url.searchParams.set('options', `-c search_path=${schemaOf(name)}`);
  return url.href;
}

interface Database {
  readonly title: string;
  readonly open: (name: Name) => Store;
  readonly fill: (name: Name, endMs: number) => Promise<void>;
  readonly drop: (name: Name) => Promise<void>;
}

const pathOf = (name: Name) => join(folder, `${name}.sqlite`);
const databases: Readonly<Record<string, Database>> = {
  sqlite: {
    title: 'SQLite',
    open: (name) => createSqliteStore(pathOf(name)),
    fill: async (name, endMs) => fillSqlite(pathOf(name), sizes[name], endMs),
    drop: async (name) => {
      for (const end of ['', '-wal', '-shm']) rmSync(`${pathOf(name)}${end}`, { force: true });
    },
  },
  postgres: {
    title: 'PostgreSQL',
    open: (name) => createPostgresStore({ url: postgresUrl(name) }),
    fill: (name, endMs) => fillPostgres(postgresUrl(name), sizes[name], endMs),
    drop: (name) => execute(`DROP SCHEMA IF EXISTS ${schemaOf(name)} CASCADE`),
  },
};

/** Measures an operation on both stores, which take turns. */
async function measureCase({ name, prepare, operations = 100 }: Case, subjects: readonly Subject[]): Promise<Result> {
  const runs = subjects.map(prepare);
  const times: number[][] = runs.map(() => []);
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < runs.length; turn += 1) {
      // Neither of the two is always the first one.
      const place = (turn + round + 1) % runs.length;
      for (let index = 0; index < operations; index += 1) {
        const startedAt = performance.now();
        await runs[place]?.((round + 1) * operations + index);
        if (round >= 0) times[place]?.push((performance.now() - startedAt) * 1000);
      }
    }
  }
  const [small = Number.NaN, large = Number.NaN] = times.map(median);
  return { name, small, large };
}

async function openSubjects({ open }: Database): Promise<readonly [Subject, Subject]> {
  const [small, large] = [open('small'), open('large')];
  const page = await small.listDecisions({ requestId: requestId(decisions), limit: 1 });
  const common = { decisions, endMs: Date.parse(page.decisions[0]?.at ?? '') };
  return [
    { ...common, store: small, users: sizes.small.users },
    { ...common, store: large, users: sizes.large.users },
  ];
}

async function fill(id: string, { drop, fill: fillStore, open }: Database, endMs: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    await drop(name);
    if (id === 'postgres') await execute(`CREATE SCHEMA ${schemaOf(name)}`);
    const store = open(name);
    await store.check();
    await store.close();
    const startedAt = performance.now();
    await fillStore(name, endMs);
    process.stdout.write(
      `${id}: filled the ${name} store in ${Math.round((performance.now() - startedAt) / 1000)} s\n`,
    );
  }
}

async function measure(id: string, database: Database, results: Results, step: string): Promise<void> {
  const subjects = await openSubjects(database);
  const requests = openRequests();
  if (step === 'pauses') {
    results.pauses[id] = await measurePauses(subjects[1], (pauses) =>
      process.stdout.write(`${id}: ${JSON.stringify(pauses)}\n`),
    );
  } else {
    const cases = step === 'lists' ? listCases(subjects[0]) : [...requestCases, ...requests.cases];
    for (const one of cases) {
      const result = await measureCase(one, subjects);
      results.cases[id] = { ...results.cases[id], [one.name]: result };
      process.stdout.write(
        `${id}: ${one.name}: ${result.small.toFixed(0)} and ${result.large.toFixed(0)} µs, ${(result.large / result.small).toFixed(2)}\n`,
      );
    }
  }
  await requests.close();
  for (const { store } of subjects) await store.close();
}

function writeResults(results: Results): void {
  writeFileSync(resultsFile, JSON.stringify(results));
  const measured = Object.keys(databases).filter((id) => results.cases[id] !== undefined);
  const rows = Object.keys(results.cases[measured[0] ?? ''] ?? {}).map((name) => [
    name,
    ...measured.flatMap((id) => {
      const { small = Number.NaN, large = Number.NaN } = results.cases[id]?.[name] ?? {};
      return [small.toFixed(0), large.toFixed(0), (large / small).toFixed(2)];
    }),
  ]);
  const head = measured.flatMap((id) => ['small', 'large', 'ratio'].map((part) => `${databases[id]?.title}, ${part}`));
  const pauses = Object.entries(results.pauses).flatMap(([id, list]) =>
    list.map((one) => [
      `${databases[id]?.title}: ${one.name}`,
      one.rows.toLocaleString('en-US'),
      ...[one.seconds, one.loopMs, one.readMs, one.recordMs, one.usualRecordMs].map((value) => value.toFixed(1)),
    ]),
  );
  writeSection(
    'scale',
    `## A large store (\`pnpm bench scale\`)

${describeMachine()} The large store has ${users.toLocaleString('en-US')} mapped users and ${decisions.toLocaleString('en-US')} decisions of 90 days. The small one has
${sizes.small.users.toLocaleString('en-US')} users and the newest 900 of these decisions, with 100 more of one principal, so that both return the same pages of 20 decisions.
The stores take turns; the table shows the medians of ${rounds} rounds. Users are chosen evenly among all users, so almost no operation finds its user in a cache of the
database. Requests call a broker in the same process.

${formatTable(['Microseconds', ...head], rows)}

While retention deletes old decisions, and while a person with many decisions is forgotten, the broker looks up vendor users and records decisions, one after the
other. The table shows the longest waits. The row \`nothing else\` shows the waits that the machine itself causes.

${formatTable(['Milliseconds', 'rows changed', 'seconds', 'event loop', 'lookup', 'record', 'record, 99 %'], pauses)}`,
  );
}

const results = readResults();
const steps = values.step === undefined ? ['fill', 'requests', 'lists', 'pauses', 'drop'] : [values.step];
for (const step of steps) {
  for (const [id, database] of Object.entries(databases)) {
    if (values.database !== undefined && values.database !== id) continue;
    if (step === 'fill') await fill(id, database, Date.now());
    else if (step === 'drop') for (const name of names) await database.drop(name);
    else await measure(id, database, results, step);
  }
  if (step === 'drop') rmSync(folder, { recursive: true, force: true });
  else writeResults(results);
}
