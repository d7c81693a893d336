import { text } from 'node:stream/consumers';
import { codeOfForeignError } from '@valetkey/core-types';
import { Command, InvalidArgumentError } from 'commander';
import packageManifest from '../../package.json' with { type: 'json' };
import { assemble } from '../assemble.ts';
import { ConfigError } from '../config/config-error.ts';
import { readConfigFile } from '../config/config-file.ts';
import { loadConfig } from '../config/load-config.ts';
import { parseConfig } from '../config/parse-config.ts';
import { describeDecision, devBanner } from './banner.ts';
import { startDev } from './dev.ts';
import { examine } from './doctor.ts';
import { explainToken } from './explain.ts';
import { closeOnSignal } from './shutdown.ts';

/** A mistake at the command line, described in one line. */
class CommandError extends Error {}

// A reader such as `head` may close the pipe. The broker then continues without that output.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
const print = (line: string) => process.stdout.write(`${line}\n`);

const program = new Command('valetkey')
  .description('A self-hosted token broker: your app gets a short-lived token, never the master key.')
  .version(packageManifest.version);

program
  .command('dev')
  .description('start the broker with a sandbox of the vendors, to try it out')
  .option('--port <port>', 'port that apps reach', parsePort, 8787)
  .option('--admin-port <port>', 'port that operators reach', parsePort, 8788)
  .option('--sandbox-port <port>', 'port of the simulated vendors', parsePort, 8790)
  .option('--data-folder <folder>', 'folder for vendor users and the audit', '.valetkey')
  .action(dev);

addConfigCommand('start', 'start the broker', start);
addConfigCommand('check', 'check a configuration, without opening the store or calling a server', async (file) => {
  await loadConfig(file);
  print(`${file} can be used.`);
});
addConfigCommand(
  'doctor',
  "check that the store, Redis, the identity providers and the vendors respond and accept the broker's credentials",
  doctor,
);
addConfigCommand(
  'explain',
  'read a token from standard input and say, check by check, why it is accepted or refused',
  explain,
);

function addConfigCommand(name: string, description: string, action: (file: string) => Promise<void>): void {
  program
    .command(name)
    .description(description)
    .requiredOption('--config <file>', 'valetkey.config.ts, .js, .yaml or .json')
    .action(({ config }: { config: string }) => action(config));
}

interface DevFlags {
  readonly port: number;
  readonly adminPort: number;
  readonly sandboxPort: number;
  readonly dataFolder: string;
}

async function dev(flags: DevFlags): Promise<void> {
  if (process.env['NODE_ENV'] === 'production') {
    throw new CommandError('NODE_ENV is "production", and the sandbox is not for production; use `valetkey start`');
  }
  const settings = new Map<number, string>();
  for (const [port, flag] of [
    [flags.port, '--port'],
    [flags.adminPort, '--admin-port'],
    [flags.sandboxPort, '--sandbox-port'],
  ] as const) {
    const other = settings.get(port);
    if (port !== 0 && other !== undefined) throw new CommandError(`${flag} and ${other} name the same port`);
    settings.set(port, flag);
  }
  const running = await explainTakenPort(settings, () =>
    startDev({ ...flags, onDecision: (decision) => print(describeDecision(decision)) }),
  );
  closeOnSignal(running);
  print(devBanner(running));
}

async function start(file: string): Promise<void> {
  const config = await loadConfig(file);
  const broker = assemble(config);
  const settings = new Map([
    [config.listen.port, 'listen.port'],
    [config.admin.port, 'admin.port'],
  ]);
  const { brokerUrl, adminUrl } = await explainTakenPort(settings, broker.listen);
  closeOnSignal(broker);
  const listening = `Valet Key listens on ${brokerUrl}, for operators on ${adminUrl}.`;
  broker.app.log.info(listening);
  // Standard output is only for the log, and `log.level` may silence the line above.
  process.stderr.write(`${listening}\n`);
}

async function doctor(file: string): Promise<void> {
  const findings = await examine(await loadConfig(file));
  for (const { part, healthy, detail } of findings) print(`${healthy ? '✓' : '✗'} ${part}: ${detail}`);
  if (findings.some(({ healthy }) => !healthy)) process.exitCode = 1;
}

async function explain(file: string): Promise<void> {
  // The token is not an argument, because every process of this machine can read the arguments of a program.
  const token = (await text(process.stdin)).trim();
  // `explain` calls no vendor, so it also accepts a configuration with credentials of the sandbox.
  const config = parseConfig(await readConfigFile(file));
  const { accepted, checks } = await explainToken(config, token);
  for (const { check, outcome, detail, remediation } of checks) {
    print(`${{ passed: '✓', failed: '✗', not_reached: '·' }[outcome]} ${check}: ${detail}`);
    if (remediation !== undefined) print(`    ${remediation}`);
  }
  if (!accepted) process.exitCode = 1;
}

function parsePort(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
}

/** Opens something that listens. If another process uses a port, the error names the setting of that port. */
async function explainTakenPort<Result>(settings: ReadonlyMap<number, string>, open: () => Promise<Result>) {
  try {
    return await open();
  } catch (error) {
    if (codeOfForeignError(error) !== 'EADDRINUSE') throw error;
    const { port = -1, address } = error as { port?: number; address?: string };
    const setting = settings.get(port) ?? 'the port setting';
    throw new CommandError(`port ${port} on ${address} is in use; choose another one with ${setting}`);
  }
}

/** Returns a text about an error without the message of a foreign error, because that may quote a secret. */
function describeFailure(error: unknown): string {
  if (error instanceof CommandError || error instanceof ConfigError) return error.message;
  const name = error instanceof Error ? error.name : 'Error';
  return `failed (${codeOfForeignError(error) ?? name})`;
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`valetkey: ${describeFailure(error)}\n`);
  process.exitCode = 1;
}
