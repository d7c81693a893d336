// Stands for `docker compose` in the commands of docs/deploy.md: `exec` runs a program as in the container of a service, and
// everything else is asked of the test that runs the services as processes.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What the stand-in has to know about the services. The test writes it into a file. */
export interface StandInState {
  /** The URL of the test. */
  readonly control: string;
  readonly services: Readonly<Record<string, StandInService>>;
}

/** The programs of a service, each with the words that begin its command line, and the variables that they get. */
export interface StandInService {
  readonly programs: Readonly<Record<string, readonly string[]>>;
  readonly environment: Readonly<Record<string, string>>;
  /** The paths of the container, and what stands for each. */
  readonly paths: Readonly<Record<string, string>>;
  /** The URL of the admin listener, which the commands find at their default URL in a container. */
  readonly adminUrl?: string | undefined;
}

const administrative = new Set(['users', 'block', 'unblock', 'blocked', 'audit']);

function execute(state: StandInState, words: readonly string[]): number {
  const [name = '', program = '', ...parameters] = words.filter((word) => word !== '-T');
  const service = state.services[name];
  const command = service?.programs[program];
  if (service === undefined || command === undefined) throw new Error(`${name} has no program ${program}.`);
  const [file = '', ...first] = command;
  const located = parameters.map((word) => service.paths[word] ?? word);
  const { adminUrl } = service;
  const isAdministrative =
    program === 'valetkey' && administrative.has(parameters[0] ?? '') && parameters[1] !== 'verify';
  const all = [...first, ...located, ...(isAdministrative && adminUrl !== undefined ? ['--url', adminUrl] : [])];
  const { status } = spawnSync(file, all, { env: { ...service.environment }, stdio: 'inherit' });
  return status ?? 1;
}

const [compose, operation, ...words] = process.argv.slice(2);
if (compose !== 'compose') throw new Error('Only docker compose is known.');
const state = JSON.parse(readFileSync(process.env['DOCKER_STAND_IN'] ?? '', 'utf8')) as StandInState;
if (operation === 'exec') process.exit(execute(state, words));
const response = await fetch(state.control, { method: 'POST', body: JSON.stringify([operation, ...words]) });
process.stdout.write(await response.text());
process.exit(response.ok ? 0 : 1);
