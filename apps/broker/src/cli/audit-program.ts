import type { Command } from 'commander';
import { addAdminOptions } from './admin-options.ts';
import { finishCommand } from './command-help.ts';
import type { AuditOptions } from './audit-actions.ts';
import type { VerifyOptions } from './audit-verify.ts';

const loadActions = () => import('./audit-actions.ts');
const configFile = 'valetkey.config.yaml';

/** Adds the commands of `valetkey audit`, which read the decisions of a running broker through its admin API. */
export function addAuditCommands(program: Command): void {
  const audit = program
    .command('audit')
    .description('Shows the decisions of a running broker: who asked for what, and why it was refused.')
    .usage('<command> [options]')
    .helpCommand(false);
  finishCommand(audit, ['valetkey audit list --subject alice'], 'the command succeeded');

  addSelection(audit.command('list').description('Prints the newest decisions, one in each line.'))
    .option('--since <time>', 'Prints decisions from this time on, such as 2026-11-28T14:02:00Z.')
    .option('--until <time>', 'Prints decisions from before this time.')
    .option('--limit <count>', 'Prints at most so many decisions, up to 1000.', '100')
    .action(async (options: AuditOptions) => (await loadActions()).listAudit(options));
  addSelection(audit.command('export').description('Writes every selected decision as a line of JSON.'))
    .option('--since <time>', 'Writes decisions from this time on, such as 2026-11-28T14:02:00Z.')
    .option('--until <time>', 'Writes decisions from before this time.')
    .action(async (options: AuditOptions) => (await loadActions()).exportAudit(options));
  addSelection(audit.command('tail').description('Prints each new decision until Ctrl-C.')).action(
    async (options: AuditOptions) => (await loadActions()).tailAudit(options),
  );
  addAddress(audit.command('why').description('Explains in sentences what the broker decided about a request.'))
    .argument('<request-id>', "The `x-request-id` of the response, or the problem's `request_id`.")
    .usage('<request-id> [options]')
    .action(async (requestId: string, options: AuditOptions) => (await loadActions()).explainAudit(requestId, options));

  audit
    .command('verify')
    .description('Verifies that no decision was changed, inserted or removed. Reads the store, and calls no broker.')
    .usage('[options]')
    .option('-c, --config <file>', 'The configuration file, which has the store and audit.key.', configFile)
    .option('--anchor <file>', 'Finds out whether decisions were removed that this earlier anchor knows.')
    .option('--write-anchor <file>', 'Writes an anchor if there is no problem.')
    .option('--unchained-until <time>', 'Accepts decisions in no chain that are from before this time.')
    .action(async (options: VerifyOptions) => (await import('./audit-verify.ts')).verifyAuditOf(options));

  const examples = describeExamples();
  for (const command of audit.commands) {
    const { lines, success } = examples[command.name()] ?? { lines: [], success: 'the command succeeded' };
    finishCommand(command, lines, success);
  }
}

function describeExamples(): Readonly<Record<string, { readonly lines: readonly string[]; readonly success: string }>> {
  return {
    list: {
      lines: [
        '# the admin token is in VALETKEY_ADMIN_TOKEN, or in the configuration',
        `valetkey audit list --config ${configFile}`,
        '',
        '# why was alice refused at 14:02?',
        'valetkey audit list --issuer https://id.example.com --subject alice \\',
        '  --since 2026-11-28T14:00:00Z --until 2026-11-28T14:05:00Z',
        '',
        '# who got a token for this vendor user last week?',
        'valetkey audit list --vendor-user-id 7c1e --outcome allowed \\',
        '  --since 2026-11-21T00:00:00Z',
      ],
      success: 'the broker returned the decisions, even if there are none',
    },
    why: {
      lines: ['valetkey audit why 0b2f6a54-6b0e-4a3c-9d52-0c3a1d4b8f11'],
      success: 'the broker has a decision about the request',
    },
    export: {
      lines: ['valetkey audit export --since 2026-11-01T00:00:00Z > decisions.ndjson'],
      success: 'every selected decision was written',
    },
    verify: {
      lines: [
        `valetkey audit verify --config ${configFile} --write-anchor anchor.json`,
        `valetkey audit verify --config ${configFile} --anchor anchor.json`,
      ],
      success: 'there is no problem',
    },
    tail: { lines: ['valetkey audit tail --outcome forbidden'], success: 'Ctrl-C or SIGTERM stopped it' },
  };
}

function addAddress(command: Command): Command {
  return addAdminOptions(command.usage('[options]'));
}

function addSelection(command: Command): Command {
  return addAddress(command)
    .option('--issuer <issuer>', 'Selects the users of this issuer.')
    .option('--subject <subject>', 'Selects the user with this subject.')
    .option('--connection <name>', 'Selects this connection.')
    .option('--vendor-user-id <id>', 'Selects this user at the vendor.')
    .option('--outcome <outcome>', 'Selects `allowed` or this error code.')
    .option('--reason <reason>', 'Selects this reason, such as `issuers`.')
    .option('--request-id <id>', 'Selects this request.')
    .option('--operation <operation>', 'Selects issue, proxy, map, unmap, block, unblock, logout or forget.');
}
