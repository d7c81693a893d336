import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import { z } from 'zod';
import type { Audit } from '../../audit/audit.ts';
import type { PrincipalId, Store } from '../../storage/store.ts';
import type { Connections } from '../../vendors/connections.ts';
import { revokeTokens, type Revocation } from '../../vendors/revoke-tokens.ts';
import { addRoute } from '../server.ts';
import { actorOf } from './admin-authentication.ts';
import {
  assertKnownIssuer,
  pageShape,
  parse,
  principalSchema,
  principalShape,
  readCursor,
  readPage,
} from './admin-input.ts';

/** Parses a block. */
export const blockSchema = z.strictObject({ ...principalShape, reason: z.string().min(1).max(200).optional() });
const listSchema = z.strictObject({ issuer: principalShape.issuer.optional(), ...pageShape });
const keySchema = z.object({ issuer: z.string(), subject: z.string() });

interface BlockedUsersDependencies {
  readonly store: Store;
  /** The issuers whose principals can be blocked. */
  readonly issuers: readonly string[];
  readonly audit: Audit;
  readonly connections: Connections;
  readonly clock: Clock;
}

/** Adds `GET|PUT|DELETE /v1/blocked-users`: whether one principal is blocked, the list of all blocks, and their changes. */
export function addBlockedUsersRoute(
  server: FastifyInstance,
  { store, issuers, audit, connections, clock }: BlockedUsersDependencies,
  authentication: onRequestAsyncHookHandler,
): void {
  const record = (request: Parameters<typeof actorOf>[0], operation: 'block' | 'unblock', principal: PrincipalId) =>
    audit.record({
      requestId: request.id,
      operation,
      issuer: principal.issuer,
      subject: principal.subject,
      outcome: 'allowed',
      actor: actorOf(request),
    });
  addRoute(
    server,
    '/v1/blocked-users',
    {
      GET: async ({ query }) =>
        'subject' in (query as object)
          ? { blocked: await store.isBlocked(parse(principalSchema, query)) }
          : listBlocks(query, store),
      PUT: async (request, reply) => {
        const { reason, ...principal } = parse(blockSchema, request.body);
        assertKnownIssuer(issuers, principal.issuer);
        // A user is blocked even while the audit cannot be written: the block protects, and its row may follow.
        await store.blockUser(principal, {
          reason,
          actor: actorOf(request),
          at: new Date(clock.nowMs()).toISOString(),
        });
        await record(request, 'block', principal);
        const revocations = await revokeTokens(connections, principal);
        for (const revocation of revocations) {
          await audit.record({
            requestId: request.id,
            ...revocation,
            ...principal,
            operation: 'revoke',
            actor: actorOf(request),
          });
        }
        if (revocations.length === 0) return reply.status(204).send();
        return { revocations: revocations.map(describeRevocation) };
      },
      DELETE: async (request, reply) => {
        const principal = parse(principalSchema, request.body);
        await audit.assertWritable(request.id);
        if (!(await store.unblockUser(principal))) throw new ValetKeyError('not_found', 'This user is not blocked.');
        await record(request, 'unblock', principal);
        return reply.status(204).send();
      },
    },
    authentication,
  );
}

function describeRevocation({ connection, vendorUserId, outcome }: Revocation) {
  return { connection, vendor_user_id: vendorUserId, outcome };
}

async function listBlocks(query: unknown, store: Store) {
  const { issuer, limit, cursor } = parse(listSchema, query);
  const after = readCursor(keySchema, cursor, issuer);
  const { rows, next } = await readPage(
    limit,
    (count) => store.listBlocks({ issuer, after, limit: count }),
    (block) => ({ issuer: block.issuer, subject: block.subject }),
  );
  return { blocks: rows, ...next };
}
