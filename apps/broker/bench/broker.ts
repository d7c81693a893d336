// The broker under load. `--only authorize|issue|memory|start|overload` runs a part, which is written with `--write` only.
import { parseArgs } from 'node:util';
import { describeMachine, writeSection } from '../../../tools/bench/report.ts';
import { formatMemory, formatStart, measureMemory, measureStart } from './broker-life.ts';
import { formatOverload, measureOverload } from './broker-overload.ts';
import { pinThisProcess } from './broker-process.ts';
import { drawRates, formatRace, race } from './broker-race.ts';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    only: { type: 'string' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const numberOf = (text: string | undefined, byDefault: number): number =>
  text === undefined ? byDefault : Number(text);
const seconds = numberOf(values.seconds, 5);
const rounds = numberOf(values.rounds, 3);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const setting = `Each server runs on one core; the load, the simulated vendor and the identity provider share the other core. PostgreSQL
uses both. 50 connections send requests with 2,000 app tokens (RS256). Medians of ${rounds} rounds of ${seconds} s in which the servers take
turns; the figure in parentheses is the ratio to Valet Key with SQLite. "By hand" verifies each token with jose, calls the
vendor with \`fetch\`, and records nothing.`;

const parts: Readonly<Record<string, () => Promise<string>>> = {
  async authorize() {
    const services = await race('authorize', { seconds, rounds, say });
    return `## Forward authentication (\`pnpm bench broker --only authorize\`)

${describeMachine()} ${setting} The floor sends the same response and reads nothing of the request. The tokens are known to
the broker, as those of users who send many requests.

${formatRace('`GET /v1/authorize`', services)}

${drawRates(services)}`;
  },
  async issue() {
    const services = await race('issue', { seconds, rounds, say });
    return `## Issuing a token (\`pnpm bench broker --only issue\`)

${describeMachine()} ${setting} The vendor responds at once. The floor passes the vendor's response on through undici and checks no token.
Valet Key commits an entry of the audit, chained with a key, before it responds.

${formatRace('`POST /v1/vendors/nabla/token`', services)}

${drawRates(services)}`;
  },
  async memory() {
    const sizes = await measureMemory(say);
    return `## Memory of the broker (\`pnpm bench broker --only memory\`)

${describeMachine()} 50 connections request tokens of Nabla for 2,000 users. The first row is the memory at rest after the start.

${formatMemory(sizes)}`;
  },
  async start() {
    const starts = await measureStart(10, say);
    return `## Start of the broker (\`pnpm bench broker --only start\`)

${describeMachine()} Medians of 10 starts on one core, in turn. The stores exist. The figure in parentheses is the ratio to Valet Key with SQLite.

${formatStart(starts)}`;
  },
  async overload() {
    const overloadSeconds = numberOf(values.seconds, 60);
    const overloads = await measureOverload(overloadSeconds, say);
    return `## Overload (\`pnpm bench broker --only overload\`)

${describeMachine()} The vendor responds after 20 ms. For ${overloadSeconds} s, requests for tokens arrive at twice the rate that the server carries at
most, each on a connection that is free. "By hand" refuses none, so that all of them wait.

${formatOverload(overloads)}`;
  },
};

const chosen = values.only === undefined ? Object.keys(parts) : [values.only];
if (chosen.some((name) => parts[name] === undefined)) {
  say(`--only accepts: ${Object.keys(parts).join(', ')}`);
  process.exitCode = 1;
} else {
  pinThisProcess();
  for (const name of chosen) {
    const markdown = (await parts[name]?.()) ?? '';
    say(`\n${markdown}\n`);
    if (values.only === undefined || values.write) writeSection(`broker ${name}`, markdown);
  }
}
