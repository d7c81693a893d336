import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOfForeignError } from '@valetkey/core-types';
import type { AdminOptions } from './admin-client.ts';
import { describeRow, explainDecision } from './audit-lines.ts';
import { CommandError } from './command-error.ts';
import { followDecisions } from './follow-decisions.ts';
import { openDecisions, type DecisionParameters } from './listed-decisions.ts';
import { print, printError } from './terminal.ts';

/** The options of the `audit` commands, named as commander names them. */
export interface AuditOptions extends AdminOptions {
  readonly since?: string;
  readonly until?: string;
  readonly issuer?: string;
  readonly subject?: string;
  readonly connection?: string;
  readonly vendorUserId?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly requestId?: string;
  readonly operation?: string;
  readonly limit?: string;
}

/** How many decisions are printed unless the options say it. */
const defaultLimit = 100;

/** Prints the newest decisions that the options select, one in each line. */
export async function listAudit(options: AuditOptions): Promise<void> {
  const { list } = await openDecisions(options);
  let left = Number(options.limit ?? defaultLimit);
  let isEmpty = true;
  let next: string | undefined;
  do {
    // The broker ends a page early if it would have to search many other decisions for the rest.
    const page = await list({
      ...toParameters(options),
      ...(next !== undefined && { cursor: next, limit: String(left) }),
    });
    for (const decision of page.decisions) print(describeRow(decision));
    isEmpty &&= page.decisions.length === 0;
    left -= page.decisions.length;
    next = page.next_cursor;
  } while (next !== undefined && left > 0);
  if (isEmpty) printError('No decision matches.');
  if (next !== undefined) {
    printError('There are older ones. Narrow the selection, raise `--limit`, or use `valetkey audit export`.');
  }
}

/** Explains the decisions about one request in sentences. Throws a `CommandError` if there is none. */
export async function explainAudit(requestId: string, options: AdminOptions): Promise<void> {
  const { decisions } = await (await openDecisions(options)).list({ request_id: requestId });
  if (decisions.length === 0) {
    throw new CommandError(
      'no decision has this request id: the broker refused the token, was overloaded, counted the request in the row of an equal refusal within a minute, or has deleted the decision; search its log for the id, or list the decisions of the user',
    );
  }
  for (const decision of decisions.toReversed()) print(explainDecision(decision));
}

/** Writes every decision that the options select to standard output, as lines of JSON. */
export async function exportAudit(options: AuditOptions): Promise<void> {
  const lines = await (await openDecisions(options)).stream(toParameters(options));
  try {
    await pipeline(Readable.fromWeb(lines), process.stdout, { end: false });
  } catch (error) {
    // The program that reads the output, such as `head`, has ended.
    if (codeOfForeignError(error) === 'EPIPE') return;
    throw new CommandError('the broker cut the export off, so the output is not complete; run the command again');
  }
}

const pollMs = 1000;

/** Prints each new decision that the options select, until Ctrl-C or SIGTERM. */
export async function tailAudit(options: AuditOptions): Promise<void> {
  const decisions = await openDecisions(options);
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
  await followDecisions({
    parameters: toParameters(options),
    list: decisions.list,
    report: (decision) => print(describeRow(decision)),
    wait: () => sleep(pollMs, undefined, { signal: ended.signal }).catch(() => undefined),
    signal: ended.signal,
  });
}

function toParameters(options: AuditOptions): DecisionParameters {
  const { url: _url, config: _config, vendorUserId, requestId, ...parameters } = options;
  return { ...parameters, vendor_user_id: vendorUserId, request_id: requestId };
}
