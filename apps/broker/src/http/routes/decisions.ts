import { Readable } from 'node:stream';
import { listSchemaProblems, ValetKeyError } from '@valetkey/core-types';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import Negotiator from 'negotiator';
import { z } from 'zod';
import {
  operations,
  type Decision,
  type DecisionPage,
  type DecisionPosition,
  type DecisionQuery,
} from '../../storage/audit-store.ts';
import type { Store } from '../../storage/store.ts';
import { addRoute } from '../server.ts';

const linesFormat = 'application/x-ndjson';
const defaultLimit = 100;
/** The most decisions of one page, and of one chunk of a stream. */
const maxLimit = 1000;

const text = z.string().min(1).max(2048);
const moment = z.iso.datetime({ offset: true }).transform((written) => new Date(written).toISOString());
const querySchema = z.strictObject({
  since: moment.optional(),
  until: moment.optional(),
  issuer: text.optional(),
  subject: text.optional(),
  connection: text.optional(),
  vendor_user_id: text.optional(),
  outcome: text.optional(),
  reason: text.optional(),
  request_id: text.optional(),
  operation: z.enum(operations).optional(),
  limit: z.coerce.number().int().min(1).max(maxLimit).optional(),
  cursor: z.string().transform(parseCursor).optional(),
});

const remediation =
  'Use each of these parameters at most once: `since` and `until` (`2026-11-28T14:02:00Z`), `issuer`, `subject`, ' +
  `\`connection\`, \`vendor_user_id\`, \`outcome\`, \`reason\`, \`request_id\`, \`operation\` (${operations.join(', ')}), ` +
  `\`limit\` (1 to ${maxLimit}) and \`cursor\` (the \`next_cursor\` of the page before).`;

/** Adds `GET /v1/decisions`: a page of the audit, or the whole selection as lines of JSON. */
export function addDecisionsRoute(
  server: FastifyInstance,
  store: Store,
  authentication: onRequestAsyncHookHandler,
): void {
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const query = parseQuery(request.query);
    if (!prefersLines(request.headers.accept)) {
      const { decisions, next } = await store.listDecisions({ ...query, limit: query.limit ?? defaultLimit });
      return { decisions: decisions.map(encode), ...(next && { next_cursor: writeCursor(next) }) };
    }
    const pages = readPages(store, query, query.limit);
    // The first page is read before the head is sent, so that a failure of the store is still a problem with its own status.
    const first = await pages.next();
    // One page waits in the stream, and the next one is read only after the caller has received it.
    const lines = Readable.from(encodeLines(first, pages), { highWaterMark: 1 });
    return reply.type(linesFormat).send(lines);
  };
  addRoute(server, '/v1/decisions', { GET: handler }, authentication);
}

/** Yields the selected decisions page by page, at most `max` of them. */
async function* readPages(
  store: Store,
  query: Omit<DecisionQuery, 'limit'>,
  max = Number.POSITIVE_INFINITY,
): AsyncGenerator<DecisionPage['decisions'], undefined> {
  let left = max;
  for (let after = query.after; left > 0;) {
    const { decisions, next } = await store.listDecisions({ ...query, after, limit: Math.min(left, maxLimit) });
    yield decisions;
    if (next === undefined) return;
    after = next;
    left -= decisions.length;
  }
}

async function* encodeLines(
  first: IteratorResult<DecisionPage['decisions'], undefined>,
  others: AsyncIterable<DecisionPage['decisions']>,
): AsyncGenerator<string> {
  const toLines = (decisions: DecisionPage['decisions']) =>
    decisions.map((decision) => `${JSON.stringify(encode(decision))}\n`).join('');
  if (first.done !== true) yield toLines(first.value);
  for await (const decisions of others) yield toLines(decisions);
}

function prefersLines(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  return new Negotiator({ headers: { accept } }).mediaType(['application/json', linesFormat]) === linesFormat;
}

function encode(decision: Decision) {
  const { requestId, vendorUserId, vendorStatus, durationMs, ...others } = decision;
  const { clientAddress, policyVersion, tokenFingerprint, traceId, lastAt, ...shown } = others;
  return {
    ...shown,
    request_id: requestId,
    vendor_user_id: vendorUserId,
    vendor_status: vendorStatus,
    duration_ms: durationMs,
    client_address: clientAddress,
    policy_version: policyVersion,
    token_fingerprint: tokenFingerprint,
    trace_id: traceId,
    last_at: lastAt,
  };
}

function parseQuery(sent: unknown) {
  const { data, error } = querySchema.safeParse(sent);
  if (error !== undefined) {
    const fields = listSchemaProblems(error).map(({ field }) => field || 'an unknown parameter');
    throw new ValetKeyError('invalid_request', `These query parameters are unknown or wrong: ${fields.join(', ')}.`, {
      remediation,
    });
  }
  const { vendor_user_id: vendorUserId, request_id: requestId, cursor: after, ...selection } = data;
  return { ...selection, vendorUserId, requestId, after };
}

function writeCursor({ at, id }: DecisionPosition): string {
  return Buffer.from(`${id} ${at}`).toString('base64url');
}

/** Returns the position that a cursor holds. A cursor of another origin is a mistake in the field. */
function parseCursor(cursor: string, context: z.RefinementCtx): DecisionPosition {
  const [, id, at = ''] =
    /^(\d{1,15}) ([-\d]{10}T[\d:.]{12}Z)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (id === undefined) context.addIssue({ code: 'custom', message: 'must be the cursor of a page' });
  return { at, id: Number(id) };
}
