import { z } from 'zod';
import { createAdminClient, otherServerError, type AdminOptions } from './admin-client.ts';
import { readBlocks, readMappings } from './admin-lists.ts';
import { CommandError } from './command-error.ts';
import { countOf, print, printError, escapeUnprintable } from './terminal.ts';
import { csvColumns, formatCsv } from './users-csv.ts';

/** The options of the commands about users. */
export interface UserOptions extends AdminOptions {
  readonly issuer?: string;
  readonly subject?: string;
  readonly connection?: string;
  readonly vendorUser?: string;
  readonly reason?: string;
}

/** Prints each stored vendor user on a line. */
export async function listUsers({ issuer, connection, ...options }: UserOptions): Promise<void> {
  const client = await createAdminClient(options);
  let count = 0;
  for await (const mappings of readMappings(client, withoutAbsent({ issuer, connection }))) {
    for (const { issuer: ofIssuer, subject, connection: at, vendor_user_id: id } of mappings) {
      printRow([ofIssuer, subject, at, id]);
    }
    count += mappings.length;
  }
  if (count === 0) printError('No vendor user is stored.');
}

/** Stores the vendor user of one principal. */
export async function mapUser(options: UserOptions): Promise<void> {
  const body = {
    ...readPrincipal(options),
    connection: requireOption(options.connection, '--connection'),
    vendor_user_id: requireOption(options.vendorUser, '--vendor-user'),
  };
  const client = await createAdminClient(options);
  await client.fetch('/v1/vendor-users', { method: 'PUT', body });
  print('The vendor user is stored.');
}

/** Prints all stored vendor users as CSV. */
export async function exportUsers({ issuer, connection, ...options }: UserOptions): Promise<void> {
  const client = await createAdminClient(options);
  process.stdout.write(await formatCsv([csvColumns]));
  let skipped = 0;
  for await (const mappings of readMappings(client, withoutAbsent({ issuer, connection }))) {
    const rows = mappings.map((mapping) => csvColumns.map((column) => mapping[column]));
    // Half a surrogate pair is no text in UTF-8. Written as another character, it would name another user.
    const written = rows.filter((row) => row.every((text) => text.isWellFormed()));
    process.stdout.write(await formatCsv(written));
    skipped += rows.length - written.length;
  }
  if (skipped === 0) return;
  throw new CommandError(`${skipped} mappings are not exported, because UTF-8 cannot express their texts`);
}

const revocationsSchema = z.object({
  revocations: z.array(z.object({ connection: z.string(), outcome: z.string() })),
});

const forgottenSchema = z.object({ vendor_users: z.int(), was_blocked: z.boolean(), decisions: z.int() });

/** Erases one principal. */
export async function forgetUser(options: UserOptions): Promise<void> {
  const body = readPrincipal(options);
  const client = await createAdminClient(options);
  const response = await client.fetch('/v1/forgotten-users', { method: 'PUT', body });
  const { data } = forgottenSchema.safeParse(await response.json().catch(() => undefined));
  if (data === undefined) throw otherServerError();
  const { vendor_users: vendorUsers, was_blocked: wasBlocked, decisions } = data;
  print(`The user is erased: ${countOf(vendorUsers, 'vendor user')} and ${countOf(decisions, 'decision')}.`);
  if (wasBlocked) print('The user was blocked and no longer is.');
}

/** Blocks one principal. */
export async function blockUser({ reason, ...options }: UserOptions): Promise<void> {
  const body = { ...readPrincipal(options), ...(reason !== undefined && { reason }) };
  const client = await createAdminClient(options);
  const response = await client.fetch('/v1/blocked-users', { method: 'PUT', body });
  print('The user is blocked.');
  const { data } = revocationsSchema.safeParse(await response.json().catch(() => undefined));
  for (const { connection, outcome } of data?.revocations ?? []) {
    print(
      outcome === 'allowed'
        ? `${connection} has withdrawn the tokens of the user.`
        : `${connection} has not withdrawn the tokens of the user (${outcome}). They end by their expiry.`,
    );
  }
}

/** Unblocks one principal. */
export async function unblockUser(options: UserOptions): Promise<void> {
  const body = readPrincipal(options);
  const client = await createAdminClient(options);
  await client.fetch('/v1/blocked-users', { method: 'DELETE', body });
  print('The user is no longer blocked.');
}

/** Prints each blocked user on a line. */
export async function listBlocked({ issuer, ...options }: UserOptions): Promise<void> {
  const client = await createAdminClient(options);
  let count = 0;
  for await (const blocks of readBlocks(client, withoutAbsent({ issuer }))) {
    for (const { issuer: ofIssuer, subject, at = '-', actor = '-', reason = '-' } of blocks) {
      printRow([ofIssuer, subject, at, actor, reason]);
    }
    count += blocks.length;
  }
  if (count === 0) printError('No user is blocked.');
}

function readPrincipal({ issuer, subject }: UserOptions) {
  return { issuer: requireOption(issuer, '--issuer'), subject: requireOption(subject, '--subject') };
}

// Not a required option of commander, because that would hide the message about a misspelt option.
function requireOption(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value;
  throw new CommandError(`\`${name}\` is missing`);
}

function withoutAbsent(query: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

/** Prints texts with tabs between them, on one line however long it is. */
function printRow(texts: readonly string[]): void {
  process.stdout.write(`${texts.map(escapeUnprintable).join('\t')}\n`);
}
