import { flushCompileCache } from 'node:module';
import { styleText } from 'node:util';
import { codeOfForeignError, ValetKeyError } from '@valetkey/core-types';
import { assemble } from '../assemble.ts';
import { listShortAdminTokens } from '../config/admin-fields.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { openSecretSource, readOnce, type SecretSource } from '../config/secret-source.ts';
import { startReloader } from '../reloader.ts';
import { migrateStore, planStoreMigration } from '../storage/migrate-store.ts';
import { describeLaterVersion, type MigrationPlan } from '../storage/sql-schema.ts';
import { SqliteFileError } from '../storage/sqlite-file.ts';
import { devBanner } from './banner.ts';
import { CommandError } from './command-error.ts';
import { createDevLogger, describeDecision } from './dev-lines.ts';
import { devShutdownMs, startDev } from './dev.ts';
import { describeSecrets, examine } from './doctor.ts';
import { closeOnSignal } from './shutdown.ts';
import { markOf, print, printError } from './terminal.ts';

/** How long after the start the compiled code is written, if the command keeps it. */
const flushAfterMs = 1_000;

/** The options of `valetkey dev`. */
export interface DevOptions {
  readonly port: number;
  readonly adminPort: number;
  readonly sandboxPort: number;
  readonly dataFolder: string;
}

/** Starts the broker with a sandbox of the vendors, until a signal stops it. */
export async function dev(options: DevOptions): Promise<void> {
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
    // The ports were checked before, so only the data folder can be wrong. The message names its flag, not the field.
    throw new CommandError(error.problems.join('; ').replace('store.sqlite', '--data-folder'));
  });
  closeOnSignal(running, () => devShutdownMs);
  print(devBanner(running));
}

/** Starts the broker, until a signal stops it. */
export async function start(file: string): Promise<void> {
  const secrets = openSecretSource(file, { onProblem: warn });
  try {
    await startWith(secrets);
  } catch (error) {
    await secrets.close();
    throw error;
  }
}

function warn(problem: string): void {
  printError(`${markOf('warning')} ${problem}`);
}

/** Stays logged in at secret managers for as long as the broker runs. */
async function startWith(secrets: SecretSource): Promise<void> {
  const loaded = await secrets.refresh();
  let { config } = loaded;
  for (const warning of listShortAdminTokens(config.admin)) warn(warning);
  const broker = assemble(config);
  const settings = new Map([
    [config.listen.port, 'listen.port'],
    [config.admin.port, 'admin.port'],
  ]);
  const { brokerUrl, adminUrl } = await explainTakenPort(settings, broker.listen);
  const reload = async (read: () => Promise<Config>) => {
    let changed = config;
    await broker.reload(async () => (changed = await read()));
    config = changed;
  };
  const reloader = startReloader(loaded, { source: secrets, reload, onWarning: warn });
  const close = async () => {
    // A reload that is still reading must not delay the end. What it reads is not applied.
    void reloader.close();
    await broker.close();
    await secrets.close();
  };
  closeOnSignal({ drain: broker.drain, close, reload: reloader.reload }, () => config.shutdown.timeoutMs);
  // Standard output is only for the log.
  printError(`Valet Key listens on ${brokerUrl},\n  for operators on ${adminUrl}.`);
  // Node would write it at the exit, which a killed process does not reach. Writing must not delay the first calls.
  setTimeout(flushCompileCache, flushAfterMs).unref();
}

/** Creates what the store lacks and prints it. With `dryRun`, only prints it, and sets the exit code to 1 if something is missing. */
export async function migrate(file: string, { dryRun = false }: { readonly dryRun?: boolean } = {}): Promise<void> {
  const { store } = await loadConfig(file);
  const { current, target, missing } = await explainMigration(() =>
    dryRun ? planStoreMigration(store) : migrateStore(store),
  );
  for (const part of missing) print(`${dryRun ? 'would create' : 'created'} ${part}`);
  if (current > target) print(describeLaterVersion(current));
  if (!dryRun) print(`The store has every table (schema version ${Math.max(current, target)}).`);
  else if (missing.length === 0 && current >= target) print(`Nothing is missing (schema version ${current}).`);
  else {
    print(`The store has the schema version ${current}; \`valetkey migrate\` makes it ${Math.max(current, target)}.`);
    process.exitCode = 1;
  }
}

async function explainMigration(work: () => Promise<MigrationPlan>): Promise<MigrationPlan> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SqliteFileError) throw new CommandError(`store.sqlite: cannot be read: ${error.message}`);
    if (!ValetKeyError.isInstance(error)) throw error;
    throw new CommandError(`store: cannot be migrated (${error.reason}). ${error.advice}`);
  }
}

/** Prints a line for each part of the broker, and sets the exit code. */
export async function doctor(file: string): Promise<void> {
  const { config, uses } = await readOnce(file, {});
  const findings = [...describeSecrets(uses), ...(await examine(config))];
  for (const { part, outcome, detail } of findings) print(`${markOf(outcome)} ${part}: ${detail}`);
  if (findings.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1;
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
