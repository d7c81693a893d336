import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import packageManifest from '../package.json' with { type: 'json' };
import { createBroker } from './broker.ts';
import { ConfigError, parseConfig } from './config.ts';
import { readConfigFile, refuseSandboxCredentials } from './config-file.ts';
import { startDev } from './dev.ts';
import { describeDecision, devBanner } from './dev-banner.ts';
import { examine, explainToken } from './doctor.ts';
import { closeOnSignal } from './shutdown.ts';

/** What a person at the command line did wrong, in one line. */
class CommandError extends Error {}

const port = (text: string): number => {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
};

// Whoever read the output may leave, as `head` does; the broker goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
const print = (text: string) => process.stdout.write(`${text}\n`);

const program = new Command('valetkey')
  .description('Your app gets a valet key, never the master key.')
  .version(packageManifest.version);

program
  .command('dev')
  .description('run the broker with a sandbox of the vendors, for trying')
  .option('--port <port>', 'port that apps reach', port, 8787)
  .option('--admin-port <port>', 'port that operators reach', port, 8788)
  .option('--sandbox-port <port>', 'port of the simulated vendors', port, 8790)
  .option('--data-folder <folder>', 'where vendor users and audit are kept', '.valetkey')
  .action(async (options: { port: number; adminPort: number; sandboxPort: number; dataFolder: string }) => {
    if (process.env['NODE_ENV'] === 'production') {
      throw new CommandError('NODE_ENV is "production", where the sandbox has no place; use `valetkey start`');
    }
    const flags = new Map([
      [options.port, '--port'],
      [options.adminPort, '--admin-port'],
      [options.sandboxPort, '--sandbox-port'],
    ]);
    const dev = await explainTakenPort(flags, () =>
      startDev({ ...options, onDecision: (decision) => print(describeDecision(decision)) }),
    );
    closeOnSignal(dev);
    print(devBanner(dev));
  });

program
  .command('start')
  .description('run the broker')
  .requiredOption('--config <file>', 'valetkey.config.ts, .js, .yaml or .json')
  .action(async ({ config: file }: { config: string }) => {
    const config = await readConfigFile(file);
    refuseSandboxCredentials(config);
    const broker = createBroker(config);
    const { listen, admin } = parseConfig(config);
    const flags = new Map([
      [listen.port, 'listen.port'],
      [admin.port, 'admin.port'],
    ]);
    const { brokerUrl, adminUrl } = await explainTakenPort(flags, broker.listen);
    closeOnSignal(broker);
    const listening = `Valet Key listens on ${brokerUrl}, for operators on ${adminUrl}.`;
    broker.app.log.info(listening);
    // Standard output is the log, in which each line is JSON, and which may be off.
    process.stderr.write(`${listening}\n`);
  });

program
  .command('check')
  .description('check a configuration without starting anything')
  .requiredOption('--config <file>', 'valetkey.config.ts, .js, .yaml or .json')
  .action(async ({ config: file }: { config: string }) => {
    await readUsableConfig(file);
    print(`${file} can be used.`);
  });

program
  .command('doctor')
  .description('ask the store, the identity providers and the vendors whether they are there and take our credentials')
  .requiredOption('--config <file>', 'valetkey.config.ts, .js, .yaml or .json')
  .action(async ({ config: file }: { config: string }) => {
    const findings = await examine(await readUsableConfig(file));
    for (const { part, healthy, detail } of findings) print(`${healthy ? '✓' : '✗'} ${part}: ${detail}`);
    if (findings.some(({ healthy }) => !healthy)) process.exitCode = 1;
  });

program
  .command('explain')
  .description('say check by check why the token on standard input is accepted or refused')
  .requiredOption('--config <file>', 'valetkey.config.ts, .js, .yaml or .json')
  .action(async ({ config: file }: { config: string }) => {
    // Not an argument: those are there for everybody on the machine to read.
    const token = (await text(process.stdin)).trim();
    const { accepted, checks } = await explainToken(await readConfigFile(file), token);
    for (const { check, outcome, detail, remediation } of checks) {
      print(`${{ passed: '✓', failed: '✗', not_reached: '·' }[outcome]} ${check}: ${detail}`);
      if (remediation !== undefined) print(`    ${remediation}`);
    }
    if (!accepted) process.exitCode = 1;
  });

/** Reads a configuration that the broker would start with, and writes nothing. */
async function readUsableConfig(file: string): Promise<unknown> {
  const config = await readConfigFile(file);
  refuseSandboxCredentials(config);
  // The broker is made with another store, so that none is opened; the configured one is checked here.
  parseConfig(config);
  await createBroker({ ...(config as object), store: { sqlite: ':memory:' } }).close();
  return config;
}

async function explainTakenPort<Result>(settings: ReadonlyMap<number, string>, open: () => Promise<Result>) {
  try {
    return await open();
  } catch (error) {
    const { code, port: taken = -1, address } = error as { code?: string; port?: number; address?: string };
    if (code !== 'EADDRINUSE') throw error;
    const setting = settings.get(taken) ?? 'the port setting';
    throw new CommandError(`port ${taken} on ${address} is taken; choose another with ${setting}`);
  }
}

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`valetkey: ${describe(error)}\n`);
  process.exitCode = 1;
}

// The text of a foreign error may quote a secret; its name and code do not.
function describe(error: unknown): string {
  if (error instanceof CommandError || error instanceof ConfigError) return error.message;
  const { name = 'Error', code } = error as { name?: string; code?: string };
  return `could not start (${code ?? name})`;
}
