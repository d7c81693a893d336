import { readFile, writeFile } from 'node:fs/promises';
import { codeOfForeignError, systemClock, ValetKeyError } from '@valetkey/core-types';
import { parseAnchor, type Anchor } from '../audit/anchor.ts';
import { auditKeysOf } from '../audit/audit-key.ts';
import { verifyAudit } from '../audit/verify-audit.ts';
import { loadConfig } from '../config/load-config.ts';
import { openStore } from '../storage/open-store.ts';
import { CommandError } from './command-error.ts';
import { countOf, markOf, print, printError } from './terminal.ts';

/** The options of `audit verify`, named as commander names them. */
export interface VerifyOptions {
  readonly config: string;
  readonly anchor?: string;
  readonly writeAnchor?: string;
  readonly unchainedUntil?: string;
}

/** Verifies the audit of a configuration. Prints each problem, and sets the exit code to 1 if there is one. */
export async function verifyAuditOf({
  config: file,
  anchor,
  writeAnchor,
  unchainedUntil,
}: VerifyOptions): Promise<void> {
  const until = unchainedUntil === undefined ? undefined : readTime(unchainedUntil);
  const known = anchor === undefined ? undefined : await readAnchor(anchor);
  const config = await loadConfig(file);
  const keys = auditKeysOf(config);
  if (keys === undefined) {
    throw new CommandError('audit.key is missing in the configuration, so the decisions are in no chain');
  }
  const store = openStore(config.store);
  try {
    const report = await verifyAudit({
      store,
      keys,
      nowMs: systemClock.nowMs(),
      anchor: known,
      unchainedUntil: until,
    });
    for (const problem of report.problems) print(`${markOf('failed')} ${problem}`);
    print(
      `${countOf(report.decisions, 'decision')} of ${countOf(report.writers, 'writer')}, ` +
        `${report.erased} without personal fields; ${report.unchained} in no chain. ` +
        `${countOf(report.problems.length, 'problem')}.`,
    );
    if (known === undefined) {
      printError('Without `--anchor`, this cannot find out whether the last decisions were removed.');
    }
    if (report.problems.length > 0) process.exitCode = 1;
    else if (writeAnchor !== undefined) await write(writeAnchor, report.anchor);
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    throw new CommandError(`store: cannot be read (${error.reason}). ${error.advice}`);
  } finally {
    await store.close();
  }
}

function readTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new CommandError('`--unchained-until` must be a time such as 2026-11-28T14:02:00Z');
  return time.toISOString();
}

async function readAnchor(file: string): Promise<Anchor> {
  const anchor = await readFile(file, 'utf8').then(parseAnchor, (error: unknown) => {
    throw new CommandError(`the anchor ${file} cannot be read (${codeOfForeignError(error)})`);
  });
  if (anchor === undefined) throw new CommandError(`${file} is no anchor; create one with \`--write-anchor\``);
  return anchor;
}

async function write(file: string, anchor: Anchor): Promise<void> {
  await writeFile(file, `${JSON.stringify(anchor)}\n`).catch((error: unknown) => {
    throw new CommandError(`the anchor ${file} cannot be written (${codeOfForeignError(error)})`);
  });
  print(`The anchor is in ${file}. Keep it where a program that can write the database cannot change it.`);
}
