import { Command, InvalidArgumentError } from 'commander';
import packageManifest from '../../package.json' with { type: 'json' };
import type { DevOptions } from './actions.ts';
import { addAuditCommands } from './audit-program.ts';
import { CommandError } from './command-error.ts';
import { describeUse, finishCommand } from './command-help.ts';
import type { ExplainedWish } from './explain.ts';
import { addInitCommand } from './init-program.ts';
import { addRecipeCommands } from './recipe-program.ts';
import { widthOf, wrap } from './terminal.ts';
import type { TypesOptions } from './types-action.ts';
import { addUsersCommands } from './users-commands.ts';

const exampleFile = 'valetkey.config.yaml';
const policyExample = `valetkey policy test policy.test.yaml --config ${exampleFile}`;

/** The commands of `valetkey`, with their help. Each imports what it runs, so that the others start without it. */
export const program = new Command('valetkey')
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
  .configureOutput({
    outputError: (text, write) =>
      write(wrap(`${text.trim().replace('error:', 'valetkey:')}\n`, widthOf(process.stderr))),
  })
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
  .action(async (options: DevOptions) => (await import('./actions.ts')).dev(options));
finishCommand(devCommand, ['valetkey dev --port 9000 --admin-port 9001'], 'Ctrl-C or SIGTERM stopped the broker');

addInitCommand(program);
addConfigCommand(
  'start',
  'Starts the broker.',
  async (file) => (await import('./actions.ts')).start(file),
  'Ctrl-C or SIGTERM stopped the broker',
);
addConfigCommand(
  'check',
  'Checks a configuration. Opens no store, and calls no server apart from the secret managers that its references name.',
  async (file, options) => (await import('./check-action.ts')).check(file, options),
  'the broker can use the configuration',
).option('--strict', 'Exits with 1 if there are warnings.');
addConfigCommand(
  'migrate',
  'Creates the missing tables, columns and indexes of the store.',
  async (file, options) => (await import('./actions.ts')).migrate(file, options),
  'the store has every table, column and index',
  [`valetkey migrate --config ${exampleFile}`, `valetkey migrate --config ${exampleFile} --dry-run`],
).option('--dry-run', 'Changes nothing, and prints what is missing.');
addConfigCommand(
  'doctor',
  "Checks that the store, Redis, the identity providers and the vendors respond and accept the broker's credentials.",
  async (file) => (await import('./actions.ts')).doctor(file),
  'all of them respond and accept the credentials',
);
addConfigCommand(
  'secrets',
  'Lists where the configuration uses which secret, from where each comes, and its age. Prints no value.',
  async (file, options) => (await import('./secrets-action.ts')).listSecrets(file, options),
  'every reference can be read',
  [`valetkey secrets --config ${exampleFile}`, `valetkey secrets --config ${exampleFile} --json`],
).option('--json', 'Prints the list as JSON.');
addConfigCommand(
  'explain',
  'Reads a token from standard input, alone or as an Authorization header, and reports, check by check, why the ' +
    'broker accepts or refuses it, and what to change.',
  async (file, options) => (await import('./explain-action.ts')).explain(file, options),
  'the broker accepts the token and its use of the connection',
  [
    `valetkey explain --config ${exampleFile} < token.txt`,
    '',
    '# PowerShell',
    `Get-Content token.txt | valetkey explain --config ${exampleFile}`,
    '',
    '# paste the token at the terminal',
    `valetkey explain --config ${exampleFile}`,
    '',
    '# with the policy and the vendor user of a connection; calls no vendor',
    `valetkey explain --config ${exampleFile} --connection nabla < token.txt`,
    '',
    '# with forward authentication; --path with --connection is a proxied call',
    `valetkey explain --config ${exampleFile} --operation resolve < token.txt`,
  ],
)
  .option('--connection <name>', 'Also reports whether the user may use this connection of the configuration.')
  .option('--operation <name>', 'Reports only about this operation: issue, proxy, authorize or resolve.')
  .option('--path <path>', 'Also reports whether the user may make the proxied call of this path at the vendor.')
  .option('--method <method>', 'The method of this proxied call. Default: GET.');

const typesCommand = program
  .command('types')
  .description(
    'Writes the names of the connections as TypeScript types, so that an app with a misspelt connection does not compile. ' +
      'Needs no secret, opens no store and calls no server.',
  )
  .usage('[options]')
  .option('--config <file>', 'Reads the configuration from this .ts, .js, .yaml or .json file.', exampleFile)
  .option('--out <file>', 'Writes this .d.ts file, and not to standard output.')
  .option('--check', 'Writes nothing, and exits with 1 if the file of --out differs.')
  .action(async (options: TypesOptions) => (await import('./types-action.ts')).writeTypes(options));
finishCommand(
  typesCommand,
  [
    'valetkey types --out src/valetkey-connections.d.ts',
    '',
    '# in CI',
    'valetkey types --out src/valetkey-connections.d.ts --check',
  ],
  'the types were written or, with --check, are up to date',
);

addAuditCommands(program);
addUsersCommands(program);
addRecipeCommands(program);

const policyCommand = program
  .command('policy')
  .description('Tests the policies of a configuration: `valetkey policy test <file>`.')
  .usage('test <file> --config <file>')
  .helpOption('-h, --help', 'Prints this help.')
  .helpCommand(false);
const policyTest = policyCommand
  .command('test')
  .description(
    'Reads a table of examples, and reports for each whether the policy allows or refuses it as expected. Calls no server.',
  )
  .usage('<file> --config <file>')
  .argument('<file>', 'The examples, a .yaml or .json file.')
  .option('--config <file>', 'Reads the configuration from this .ts, .js, .yaml or .json file.')
  .action(async (file: string, { config }: { config?: string }) => {
    if (config !== undefined) return (await import('./policy-test.ts')).testPolicy(file, config);
    throw new CommandError(`\`--config\` is missing; write \`${policyExample}\``);
  });
finishCommand(policyTest, [policyExample], 'the policy decides each example as expected');

function addConfigCommand(
  name: string,
  description: string,
  action: (
    file: string,
    options: ExplainedWish & { readonly strict?: boolean; readonly dryRun?: boolean; readonly json?: boolean },
  ) => Promise<void>,
  success: string,
  examples: readonly string[] = [`valetkey ${name} --config ${exampleFile}`],
): Command {
  const command = program
    .command(name)
    .description(description)
    .usage('--config <file>')
    .option('--config <file>', 'Reads the configuration from this .ts, .js, .yaml or .json file.')
    .action(({ config, ...options }: ExplainedWish & { config?: string; strict?: boolean }) => {
      // Not a required option of commander, because that would hide the message about a misspelt `--config`.
      if (config !== undefined) return action(config, options);
      throw new CommandError(`\`--config\` is missing; write \`valetkey ${name} --config ${exampleFile}\``);
    });
  return finishCommand(command, examples, success);
}

function parsePort(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
}
