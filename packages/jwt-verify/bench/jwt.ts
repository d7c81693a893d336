import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { race, racePaces, type Contestant, type Pace } from '../../../tools/bench/measure.ts';
import { describeMachine, formatTable, writeSection } from '../../../tools/bench/report.ts';
import {
  createColdContestants,
  createFastJwt,
  createIssuer,
  createOurs,
  type BenchAlgorithm,
  type BenchIssuer,
} from './jwt-contestants.ts';

const ours = '@valetkey/jwt-verify';
const algorithms: readonly BenchAlgorithm[] = ['RS256', 'ES256', 'EdDSA'];
const coldTokens = 2000;
const warmTokens = 500;
const warmOperations = 200_000;
const memoryTokens = Number(process.env['BENCH_MEMORY_TOKENS'] ?? 1_000_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 9);

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const perSecond = (rate: number | undefined): string =>
  rate === undefined ? '–' : Math.round(rate).toLocaleString('en-US');

function signTokens({ signToken }: BenchIssuer, count: number): string[] {
  return Array.from({ length: count }, (_, index) => signToken(index));
}

async function measureCold(): Promise<{ rates: string; processor: string }> {
  const columns: { head: string; paces: Map<string, Pace> }[] = [];
  for (const algorithm of algorithms) {
    const issuer = createIssuer(algorithm);
    const contestants = await createColdContestants(issuer, signTokens(issuer, coldTokens));
    for (const concurrency of [1, 32]) {
      const paces = await racePaces(contestants, { rounds, operations: coldTokens, concurrency });
      columns.push({ head: `${algorithm}, ${concurrency} at once`, paces });
      say(
        `${algorithm} ${concurrency}: ${[...paces].map(([name, { rate }]) => `${name} ${perSecond(rate)}`).join(', ')}`,
      );
    }
  }
  const names = [...(columns[0]?.paces.keys() ?? [])];
  const heads = columns.map(({ head }) => head);
  const tableOf = (title: string, cell: (pace: Pace, own: Pace) => string): string => {
    const rows = names.map((name) => [
      name === ours ? `**${name}**` : name,
      ...columns.map(({ paces }) => {
        const [pace, own] = [paces.get(name), paces.get(ours)];
        return pace === undefined || own === undefined ? '–' : cell(pace, own);
      }),
    ]);
    return formatTable([title, ...heads], rows);
  };
  return {
    rates: tableOf(
      'Verifications per second (ours = 1)',
      (pace, own) => `${perSecond(pace.rate)} (${(pace.rate / own.rate).toFixed(2)})`,
    ),
    processor: tableOf('Processor time per verification, µs', ({ cpuMicroseconds }) => cpuMicroseconds.toFixed(1)),
  };
}

/** Returns a new string, as a request does: V8 has not computed its hash yet. */
function copy(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1');
}

function createWarmContestants(issuer: BenchIssuer, tokens: readonly string[]): Contestant[] {
  const verifier = createOurs(issuer);
  const fast = createFastJwt(issuer, 10_000);
  const token = (index: number): string => tokens[index % tokens.length] ?? '';
  return [
    { name: ours, prepare: () => (index) => verifier.verify(token(index)) },
    { name: 'fast-jwt, cache on', prepare: () => (index) => fast(token(index)) },
    { name: `${ours}, new string each time`, prepare: () => (index) => verifier.verify(copy(token(index))) },
    { name: 'fast-jwt, cache on, new string each time', prepare: () => (index) => fast(copy(token(index))) },
  ];
}

async function measureWarm(): Promise<string> {
  const columns: { head: string; rates: Map<string, number> }[] = [];
  for (const algorithm of algorithms) {
    const issuer = createIssuer(algorithm);
    const contestants = createWarmContestants(issuer, signTokens(issuer, warmTokens));
    for (const concurrency of [1, 32]) {
      const rates = await race(contestants, { rounds, operations: warmOperations, concurrency });
      columns.push({ head: `${algorithm}, ${concurrency} at once`, rates });
      say(
        `warm ${algorithm} ${concurrency}: ${[...rates].map(([name, rate]) => `${name} ${perSecond(rate)}`).join(', ')}`,
      );
    }
  }
  const names = [...(columns[0]?.rates.keys() ?? [])];
  const rows = names.map((name) => [name, ...columns.map(({ rates }) => perSecond(rates.get(name)))]);
  return formatTable(['Verifications per second of known tokens', ...columns.map(({ head }) => head)], rows);
}

async function measureMemory(): Promise<string> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const issuer = createIssuer('EdDSA');
  const verifier = createOurs(issuer);
  const rows: string[][] = [];
  const points = 10;
  for (let point = 0; point <= points; point += 1) {
    const until = (memoryTokens / points) * point;
    for (let index = until - memoryTokens / points; index >= 0 && index < until; index += 32) {
      await Promise.all(Array.from({ length: 32 }, (_, offset) => verifier.verify(issuer.signToken(index + offset))));
    }
    collect();
    const heapMiB = process.memoryUsage().heapUsed / 2 ** 20;
    rows.push([until.toLocaleString('en-US'), heapMiB.toFixed(1)]);
    say(`memory after ${until}: ${heapMiB.toFixed(1)} MiB`);
  }
  return formatTable(['Distinct tokens verified', 'Heap in use, MiB'], rows);
}

const cold = await measureCold();
const warm = await measureWarm();
const memory = await measureMemory();

writeSection(
  'jwt',
  `## Verifying a token (\`pnpm bench jwt\`)

${describeMachine()} Medians of ${rounds} rounds in which all libraries take turns. Every library checks signature, issuer, audience and expiry.
The libraries have the keys before the measurement, and no call uses the network. Tokens have nine claims. Run this command
on an idle machine.

### A new token

${cold.rates}

The next table shows processor time on all threads. It depends less on other programs on the machine:

${cold.processor}

\`jose, signature only\` checks no claim: no verifier that calls jose can be faster. fast-jwt, aws-jwt-verify and
jsonwebtoken verify on the thread of the event loop. They avoid the cost of the thread pool, but block every other request
meanwhile. With 32 verifications at once, these libraries still use one core, however many cores the machine has. If other
programs use all other cores, jsonwebtoken is the fastest for RS256 and ES256.

### A known token

In the last two rows, each token is a new string, as in a request. The measured time includes the hash of that string.

${warm}

### Memory

${memory}
`,
);
