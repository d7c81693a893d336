import { styleText } from 'node:util';
import type { ExplainedToken } from '@valetkey/jwt-verify';
import { codeOfForeignError, ValetKeyError } from '@valetkey/core-types';
import { Command, InvalidArgumentError } from 'commander';
import packageManifest from '../../package.json' with { type: 'json' };
import { assemble } from '../assemble.ts';
import { ConfigError } from '../config/config-error.ts';
import { readConfigFile } from '../config/config-file.ts';
import { loadConfig } from '../config/load-config.ts';
import { parseConfig } from '../config/parse-config.ts';
import { migrateStore } from '../storage/migrate-store.ts';
import { devBanner } from './banner.ts';
import { createDevLogger, describeDecision } from './dev-lines.ts';
import { startDev } from './dev.ts';
import { examine } from './doctor.ts';
import { explainToken } from './explain.ts';
import { closeOnSignal } from './shutdown.ts';
import { markOf, print, printError, wrap } from './terminal.ts';
import { InputCancelled, readToken } from './token-input.ts';

/** A mistake at the command line, described in one line. */
class CommandError extends Error {}

// A reader such as `head` may close the pipe. The broker then continues without that output.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const exampleFile = 'valetkey.config.yaml';

const program = new Command('valetkey')
  .description('A self-hosted token broker: your app gets a short-lived token, never the master key.')
  .version(packageManifest.version, '-V, --version', 'Prints the version.')
  .helpOption('-h, --help', 'Prints this help.')
  .helpCommand('help [command]', 'Prints the help of a command.')
  .usage('<command> [options]')
  .configureHelp({
    helpWidth: 80,
    showGlobalOptions: false,
    subcommandTerm: (command) => `${command.name()} ${command.usage()}`,
  })
  .configureOutput({ outputError: (text, write) => write(`${wrap(text.trim().replace('error:', 'valetkey:'))}\n`) })
  .showHelpAfterError('Run `valetkey --help` to see the commands.')
  .addHelpText(
    'after',
    describeUse(['valetkey dev', `valetkey start --config ${exampleFile}`], 'the command succeeded'),
  );

const devCommand = program
  .command('dev')
  .description('Starts the broker with a sandbox of the vendors, to try it out.')
  .usage('[options]')
  .option('--port <port>', 'Listens for apps on this port.', parsePort, 8787)
  .option('--admin-port <port>', 'Listens for operators on this port.', parsePort, 8788)
  .option('--sandbox-port <port>', 'Simulates the vendors on this port.', parsePort, 8790)
  .option('--data-folder <folder>', 'Keeps vendor users and the audit in this folder.', '.valetkey')
  .action(dev);
finishCommand(devCommand, ['valetkey dev --port 9000 --admin-port 9001'], 'Ctrl-C or SIGTERM stopped the broker');

addConfigCommand('start', 'Starts the broker.', start, 'Ctrl-C or SIGTERM stopped the broker');
addConfigCommand(
  'check',
  'Checks a configuration. Opens no store and calls no server.',
  check,
  'the broker can use the configuration',
);
addConfigCommand('migrate', 'Creates the missing tables of the store.', migrate, 'the store has every table');
addConfigCommand(
  'doctor',
  "Checks that the store, Redis, the identity providers and the vendors respond and accept the broker's credentials.",
  doctor,
  'all of them do',
);
addConfigCommand(
  'explain',
  'Reads a token from standard input, alone or as an Authorization header, and reports, check by check, why the ' +
    'broker accepts or refuses it.',
  explain,
  'the broker accepts the token',
  [
    `valetkey explain --config ${exampleFile} < token.txt`,
    '',
    '# PowerShell',
    `Get-Content token.txt | valetkey explain --config ${exampleFile}`,
    '',
    '# paste the token at the terminal',
    `valetkey explain --config ${exampleFile}`,
  ],
);

function addConfigCommand(
  name: string,
  description: string,
  action: (file: string) => Promise<void>,
  success: string,
  examples: readonly string[] = [`valetkey ${name} --config ${exampleFile}`],
): void {
  const command = program
    .command(name)
    .description(description)
    .usage('--config <file>')
    .option('--config <file>', 'Reads the configuration from this .ts, .js, .yaml or .json file.')
    .action(({ config }: { config?: string }) => {
      // Not a required option of commander, because that would hide the message about a misspelt `--config`.
      if (config !== undefined) return action(config);
      throw new CommandError(`\`--config\` is missing; write \`valetkey ${name} --config ${exampleFile}\``);
    });
  finishCommand(command, examples, success);
}

function finishCommand(command: Command, examples: readonly string[], success: string): void {
  command
    .helpOption('-h, --help', 'Prints this help.')
    .showHelpAfterError(`Run \`valetkey ${command.name()} --help\` to see its options.`)
    .addHelpText('after', describeUse(examples, success));
}

/** Returns the end of a help text. */
function describeUse(examples: readonly string[], success: string): string {
  const lines = examples.map((example) => `  ${example}`.trimEnd()).join('\n');
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return `\n${title}:\n${lines}\n\nExit code:\n  0 if ${success}, otherwise 1.`;
}

interface DevOptions {
  readonly port: number;
  readonly adminPort: number;
  readonly sandboxPort: number;
  readonly dataFolder: string;
}

async function dev(options: DevOptions): Promise<void> {
  if (process.env['NODE_ENV'] === 'production') {
    throw new CommandError('NODE_ENV is "production", and the sandbox is not for production; use `valetkey start`');
  }
  const settings = new Map<number, string>();
  for (const [port, flag] of [
    [options.port, '--port'],
    [options.adminPort, '--admin-port'],
    [options.sandboxPort, '--sandbox-port'],
  ] as const) {
    const other = settings.get(port);
    if (port !== 0 && other !== undefined) throw new CommandError(`${flag} and ${other} name the same port`);
    settings.set(port, flag);
  }
  const running = await explainTakenPort(settings, () =>
    startDev({
      ...options,
      logger: createDevLogger(print, styleText),
      onDecision: (decision) => print(describeDecision(decision, styleText)),
    }),
  ).catch((error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    // Only the data folder of this configuration comes from the command line.
    throw new CommandError(error.problems.join('; ').replace('store.sqlite', '--data-folder'));
  });
  closeOnSignal(running);
  print(devBanner(running));
}

async function check(file: string): Promise<void> {
  await loadConfig(file);
  print(`${file} can be used.`);
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
  // Standard output is only for the log.
  printError(`Valet Key listens on ${brokerUrl},\n  for operators on ${adminUrl}.`);
}

async function migrate(file: string): Promise<void> {
  const { store } = await loadConfig(file);
  try {
    await migrateStore(store);
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    throw new CommandError(`store: cannot be migrated (${error.reason}). ${error.advice}`);
  }
  print('The store has every table.');
}

async function doctor(file: string): Promise<void> {
  const findings = await examine(await loadConfig(file));
  for (const { part, healthy, detail } of findings) {
    print(`${markOf(healthy ? 'passed' : 'failed')} ${part}: ${detail}`);
  }
  if (findings.some(({ healthy }) => !healthy)) process.exitCode = 1;
}

async function explain(file: string): Promise<void> {
  // `explain` calls no vendor, so it also accepts a configuration with credentials of the sandbox.
  const config = parseConfig(await readConfigFile(file));
  // The token is not an argument, because every process of this machine can read the arguments of a program.
  const token = await readToken(process.stdin, () => {
    printError('Paste the token, then press Ctrl-D. The token is not shown. Ctrl-C cancels.');
  });
  if (token === '') {
    throw new CommandError('standard input has no token; `valetkey explain --help` shows how to pass one');
  }
  const { accepted, token: own, checks } = await explainToken(config, token);
  if (own !== undefined) print(describeOwnWords(own));
  for (const { check: name, outcome, detail, remediation } of checks) {
    print(`${markOf(outcome)} ${name}: ${detail}`);
    if (remediation !== undefined) print(`    ${remediation}`, 0);
  }
  print(accepted ? 'The broker accepts the token.' : 'The broker refuses the token.');
  if (!accepted) process.exitCode = 1;
}

function parsePort(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
}

/** Returns what the token says about itself, as one line. JSON escapes what would control a terminal. */
function describeOwnWords(token: ExplainedToken): string {
  const { iss, aud, app, typ, alg, lifetimeSeconds } = token;
  const members = Object.entries({ iss, aud, ...app, typ, alg, 'exp - iat': lifetimeSeconds });
  return `The token says: ${members.map(([name, value]) => `${name} ${JSON.stringify(value) ?? 'absent'}`).join(', ')}`;
}

/** Opens something that listens. If another process uses a port, the error names the setting of that port. */
async function explainTakenPort<Result>(settings: ReadonlyMap<number, string>, open: () => Promise<Result>) {
  try {
    return await open();
  } catch (error) {
    if (codeOfForeignError(error) !== 'EADDRINUSE') throw error;
    const { port = -1, address } = error as { port?: number; address?: string };
    const setting = settings.get(port) ?? 'the port setting';
    throw new CommandError(`port ${port} on ${address} is in use; choose another with ${setting}`);
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
  if (error instanceof InputCancelled) process.exit(130);
  printError(`valetkey: ${describeFailure(error)}`);
  process.exitCode = 1;
}
