import type { Command } from 'commander';
import { finishCommand } from './command-help.ts';
import type { InitOptions } from './init-action.ts';

/** Adds `valetkey init`. */
export function addInitCommand(program: Command): void {
  const command = program
    .command('init')
    .description(
      'Writes a first configuration (valetkey.yaml), the list of its secrets (.env.example) and a policy test ' +
        '(policy.test.yaml). Asks at a terminal for what no option says.',
    )
    .usage('[options]')
    .option('--provider <name>', 'The identity provider: the name of a preset, such as auth0, or other.')
    .option('--setting <name=value>', 'A setting of the identity provider. Repeat it for several.', collect)
    .option('--vendor <ids>', 'The vendors, with commas between them. May be repeated.', collect)
    .option('--option <vendor.name=value>', 'An option of a vendor. Repeat it for several.', collect)
    .option('--folder <folder>', 'Writes the files into this folder.', '.')
    .option('--yes', 'Asks nothing: what no option says has an example value.')
    .option('--force', 'Overwrites existing files.')
    .action(async (options: InitOptions) => (await import('./init-action.ts')).init(options));
  finishCommand(
    command,
    ['valetkey init', '', '# without questions', 'valetkey init --vendor nudge,vital --option vital.region=eu --yes'],
    'the files were written',
  );
}

/** Collects the values of an option that may be repeated. */
function collect(value: string, values: readonly string[] = []): readonly string[] {
  return [...values, value];
}
