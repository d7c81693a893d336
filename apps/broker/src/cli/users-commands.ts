import type { Command } from 'commander';
import { addAdminOptions } from './admin-options.ts';
import { finishCommand } from './command-help.ts';
import type { UserOptions } from './users-actions.ts';
import type { ImportOptions } from './users-import.ts';

const issuerOption = ['--issuer <issuer>', 'The issuer of the user, as in the configuration.'] as const;
const subjectOption = ['--subject <subject>', 'The subject of the user at the issuer.'] as const;
const loadActions = () => import('./users-actions.ts');
const person = '--issuer https://id.example.com --subject alice';

/** Adds the commands about vendor users and blocked users. They call the admin API of a running broker. */
export function addUsersCommands(program: Command): void {
  const users = program
    .command('users')
    .description('Lists, stores, imports and exports the vendor users of a running broker.')
    .usage('<command> [options]')
    .helpCommand(false);
  finishCommand(users, ['valetkey users list', 'valetkey users import users.csv --dry-run'], 'the command succeeded');

  const list = add(users, 'list', 'Prints each stored vendor user: issuer, subject, connection and vendor user.')
    .option('--issuer <issuer>', 'Lists only users of this issuer.')
    .option('--connection <name>', 'Lists only vendor users of this connection.')
    .action(async (options: UserOptions) => (await loadActions()).listUsers(options));
  finishCommand(list, ['valetkey users list --connection vital'], 'the list is complete');

  const map = add(users, 'map', 'Stores the vendor user of one user.')
    .option(...issuerOption)
    .option(...subjectOption)
    .option('--connection <name>', 'The connection whose vendor user this is.')
    .option('--vendor-user <id>', "The user's id at the vendor.")
    .action(async (options: UserOptions) => (await loadActions()).mapUser(options));
  finishCommand(
    map,
    [`valetkey users map ${person} --connection nabla --vendor-user patient-7`],
    'the vendor user is stored',
  );

  const read = add(
    users,
    'import',
    'Stores the vendor users of a CSV file, and reports each line that it cannot store.',
  )
    .usage('<file> [options]')
    .argument('<file>', 'A CSV file whose first line is issuer,subject,connection,vendor_user_id.')
    .option('--dry-run', 'Checks the lines and stores nothing.')
    .action(async (file: string, options: ImportOptions) =>
      (await import('./users-import.ts')).importUsers(file, options),
    );
  finishCommand(read, ['valetkey users import users.csv --dry-run'], 'every line is stored');

  const write = add(users, 'export', 'Prints all stored vendor users as CSV, as `import` reads it.')
    .option('--issuer <issuer>', 'Exports only users of this issuer.')
    .option('--connection <name>', 'Exports only vendor users of this connection.')
    .action(async (options: UserOptions) => (await loadActions()).exportUsers(options));
  finishCommand(write, ['valetkey users export > users.csv'], 'the export is complete');

  const forget = add(users, 'forget', 'Erases a user: its vendor users, its block, and who it was in the audit.')
    .option(...issuerOption)
    .option(...subjectOption)
    .action(async (options: UserOptions) => (await loadActions()).forgetUser(options));
  finishCommand(forget, [`valetkey users forget ${person}`], 'the user is erased');

  addBlockCommands(program);
}

function addBlockCommands(program: Command): void {
  const block = add(program, 'block', 'Blocks a user on every route of a running broker.')
    .option(...issuerOption)
    .option(...subjectOption)
    .option('--reason <text>', 'Why the user is blocked, in up to 200 characters.')
    .action(async (options: UserOptions) => (await loadActions()).blockUser(options));
  finishCommand(block, [`valetkey block ${person} --reason 'Lost phone'`], 'the user is blocked');

  const unblock = add(program, 'unblock', 'Unblocks a user of a running broker.')
    .option(...issuerOption)
    .option(...subjectOption)
    .action(async (options: UserOptions) => (await loadActions()).unblockUser(options));
  finishCommand(unblock, [`valetkey unblock ${person}`], 'the user was blocked and no longer is');

  const blocked = add(program, 'blocked', 'Prints each blocked user: issuer, subject, time, actor and reason.')
    .option('--issuer <issuer>', 'Lists only users of this issuer.')
    .action(async (options: UserOptions) => (await loadActions()).listBlocked(options));
  finishCommand(blocked, ['valetkey blocked'], 'the list is complete');
}

function add(parent: Command, name: string, description: string): Command {
  return addAdminOptions(parent.command(name).description(description).usage('[options]'));
}
