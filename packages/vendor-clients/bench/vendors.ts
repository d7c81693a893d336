import { fork } from 'node:child_process';
import { once } from 'node:events';
import { JunctionClient } from '@junction-api/sdk';
import { Pool } from 'undici';
import { racePaces, type Contestant, type Pace } from '../../../tools/bench/measure.ts';
import { describeMachine, formatTable, writeSection } from '../../../tools/bench/report.ts';
import { createVitalClient } from '../src/index.ts';

const operations = Number(process.env['BENCH_OPERATIONS'] ?? 1_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 61);
const widths = [1, 32];
const ours = '@valetkey/vendor-clients';
const bare = 'floor: bare undici Pool.request';
const vendorsOwn = '@junction-api/sdk';

const server = fork(new URL('vendors-server.ts', import.meta.url), { execArgv: [] });
const [{ port, userId }] = (await once(server, 'message')) as [{ port: number; userId: string }];
const baseUrl = `http://127.0.0.1:${port}`;
const apiKey = 'sk_us_sandbox-only';

const pool = new Pool(baseUrl, { connections: 64, pipelining: 1 });
const path = `/v2/user/${userId}/sign_in_token`;
const headers = {
  'user-agent': 'valetkey',
  'accept-encoding': 'identity',
  'x-vital-api-key': apiKey,
  accept: 'application/json',
};
const vital = createVitalClient({ apiKey, environment: 'sandbox', region: 'us', baseUrl });
const junction = new JunctionClient({ apiKey, baseUrl, maxRetries: 0 });

const contestants: readonly Contestant[] = [
  {
    name: bare,
    prepare: () => async () => {
      const { body } = await pool.request({ method: 'POST', path, headers });
      return body.json();
    },
  },
  { name: ours, prepare: () => () => vital.createSignInToken(userId) },
  {
    name: 'fetch',
    prepare: () => async () => {
      const response = await fetch(`${baseUrl}${path}`, { method: 'POST', headers });
      return response.json();
    },
  },
  { name: vendorsOwn, prepare: () => () => junction.user.getUserSignInToken({ userId }) },
];

const columns: { readonly width: number; readonly paces: Map<string, Pace> }[] = [];
for (const width of widths) {
  const paces = await racePaces(contestants, { rounds, operations, concurrency: width });
  columns.push({ width, paces });
  const line = [...paces].map(([name, { rate }]) => `${name} ${Math.round(rate)}`).join(', ');
  process.stdout.write(`${width} at once: ${line}\n`);
}
server.disconnect();
await Promise.all([pool.close(), vital.close()]);

type Paces = ReadonlyMap<string, Pace>;

const noPace: Pace = { rate: Number.NaN, cpuMicroseconds: Number.NaN };
const rateOf = (paces: Paces, name: string): number => (paces.get(name) ?? noPace).rate;
const costOf = (paces: Paces, name: string): number => (paces.get(name) ?? noPace).cpuMicroseconds;

const head = widths.map((width) => `${width} at once`);
const rowsOf = (cell: (paces: Paces, name: string) => string): string[][] =>
  contestants.map(({ name }) => [
    name === ours ? `**${name}**` : name,
    ...columns.map(({ paces }) => cell(paces, name)),
  ]);
const rates = rowsOf((paces, name) => {
  const ratio = rateOf(paces, name) / rateOf(paces, ours);
  return `${Math.round(rateOf(paces, name)).toLocaleString('en-US')} (${ratio.toFixed(2)})`;
});
const costs = rowsOf((paces, name) => {
  const ratio = costOf(paces, name) / costOf(paces, ours);
  return `${costOf(paces, name).toFixed(1)} (${ratio.toFixed(2)})`;
});
const promises = columns.map(({ width, paces }) => [
  `${width} at once`,
  (rateOf(paces, ours) / rateOf(paces, bare)).toFixed(2),
  (rateOf(paces, ours) / rateOf(paces, vendorsOwn)).toFixed(1),
  (rateOf(paces, bare) / rateOf(paces, vendorsOwn)).toFixed(1),
]);

writeSection(
  'vendors',
  `## Calling a vendor (\`pnpm bench vendors\`)

${describeMachine()} Medians of ${rounds} rounds in which the contestants take turns; each round has ${operations.toLocaleString('en-US')} calls for one of Vital's
sign-in tokens. The vendor is a process of its own on the same machine that responds at once, so that the figures show the
cost of the client alone: deadline, circuit, bounds, checks. The floor checks nothing.

${formatTable(['Calls a second (ours = 1)', ...head], rates)}

${formatTable(['Speed ratios', 'ours / floor (promised: 0.85)', `ours / ${vendorsOwn} (promised: 4)`, `floor / ${vendorsOwn}`], promises)}

With one call at a time, most of the time is the round trip, so that even the floor is not four times as fast as the SDK.
The processor time of the client's process shows what a client costs, and other programs on the machine disturb it less:

${formatTable(['Processor time for one call, µs (ours = 1)', ...head], costs)}`,
);
