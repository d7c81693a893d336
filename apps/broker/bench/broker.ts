import { parseArgs } from 'node:util';
import { formatRace, race } from './broker-race.ts';
import { pinThisProcess } from './broker-process.ts';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    only: { type: 'string' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    write: { type: 'boolean' },
  },
});
pinThisProcess();
const seconds = Number(values.seconds ?? 5);
const rounds = Number(values.rounds ?? 3);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
if (values.only === 'authorize' || values.only === undefined) {
  say(formatRace('`/v1/authorize`', await race('authorize', { seconds, rounds, say })));
}
if (values.only === 'issue' || values.only === undefined) {
  say(formatRace('a token of Nabla', await race('issue', { seconds, rounds, say })));
}
