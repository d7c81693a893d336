import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fixtureSchema, type Fixture } from '../../packages/vendor-clients/src/testing/oracle-fixtures.ts';
import { formatText } from '../generate/format-text.ts';
import { compareFixtures, describeDifference, legibleFixture, type LegibleFixture } from './compare.ts';
import type { Recording } from './run-vendor.ts';

export interface OracleRun {
  /** For each vendor, the module that exports its `products`. */
  readonly programs: ReadonlyMap<string, URL>;
  /** Holds `<vendor>/fixtures/<product>.json`. */
  readonly vendorsFolder: string;
  /** Writes the fixtures instead of comparing them. */
  readonly write: boolean;
  /** `2026-11-28` */
  readonly today: string;
  readonly print: (line: string) => void;
}

/** Records every vendor, and compares or writes its fixtures. Returns the exit code: 1 if a fixture differs. */
export async function runOracles({ programs, vendorsFolder, write, today, print }: OracleRun): Promise<number> {
  const fixtures = new Map<string, Fixture>();
  for (const [vendor, program] of programs) {
    for (const { product, cases, ...oracle } of await recordVendor(program)) {
      const path = `${vendor}/fixtures/${product}.json`;
      const file = join(vendorsFolder, path);
      const checkedOn = findCheckedOn(readFixture(file), oracle) ?? today;
      fixtures.set(path, fixtureSchema.parse({ oracle: { ...oracle, checkedOn }, cases }));
    }
  }
  const stale = globSync('*/fixtures/*.json', { cwd: vendorsFolder })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !fixtures.has(path));
  const count = [...fixtures.values()].reduce((sum, { cases }) => sum + cases.length, 0);
  const scope = `oracles: ${programs.size} vendors, ${fixtures.size} products, ${count} cases`;

  if (write) {
    for (const path of stale) rmSync(join(vendorsFolder, path));
    for (const [path, fixture] of fixtures) writeFixture(join(vendorsFolder, path), fixture);
    print(`${scope}, written`);
    return 0;
  }
  const problems = [
    ...stale.map((path) => `${path} has no oracle`),
    ...[...fixtures].flatMap(([path, fixture]) => checkFixture(path, readFixture(join(vendorsFolder, path)), fixture)),
  ];
  for (const problem of problems) print(problem);
  print(`${scope}, ${problems.length} ${problems.length === 1 ? 'difference' : 'differences'}`);
  if (problems.length > 0) print('`npx -y pnpm@12.18.0 oracles --write` writes what the SDKs do.');
  return problems.length === 0 ? 0 : 1;
}

function checkFixture(path: string, committed: LegibleFixture | undefined, recorded: Fixture): string[] {
  if (committed === undefined) return [`${path} is missing, or no fixture`];
  return compareFixtures(committed, recorded).map((difference) => describeDifference(path, difference));
}

/** Each vendor has a process of its own: an SDK may change globals, and the clock of the process stands still. */
async function recordVendor(program: URL): Promise<readonly Recording[]> {
  // Without the environment: an SDK may read its options there.
  const environment = { execArgv: [], env: { TZ: 'UTC' }, silent: true };
  const child = fork(new URL('run-vendor.ts', import.meta.url), [program.href], environment);
  let recordings: readonly Recording[] | undefined;
  let output = '';
  child.once('message', (message) => (recordings = message as readonly Recording[]));
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  await once(child, 'close');
  if (child.exitCode !== 0 || recordings === undefined) throw new Error(`${program.pathname} failed.\n${output}`);
  return recordings;
}

/** Reads so much of a committed file as is legible: whatever else is wrong with it is a difference. */
function readFixture(file: string): LegibleFixture | undefined {
  if (!existsSync(file)) return undefined;
  return legibleFixture.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
}

/** The day belongs to the version of the SDK: a later run of the same version keeps it. */
function findCheckedOn(
  committed: LegibleFixture | undefined,
  oracle: Pick<Fixture['oracle'], 'package' | 'version'>,
): string | undefined {
  const known = committed?.oracle;
  return known?.package === oracle.package && known.version === oracle.version ? known.checkedOn : undefined;
}

function writeFixture(file: string, fixture: Fixture): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, formatText(file, JSON.stringify(fixture, null, 2)));
}
