import type { Clock } from '@valetkey/core-types';
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import { z } from 'zod';
import type { Audit } from '../../audit/audit.ts';
import type { AdminDigest } from '../../config/admin-fields.ts';
import type { Decision, Store } from '../../storage/store.ts';
import type { Connections } from '../../vendors/connections.ts';
import { addRoute } from '../server.ts';
import { createAdminCheck } from './admin-authentication.ts';
import { parse } from './admin-input.ts';
import { addBlockedUsersRoute } from './blocked-users.ts';
import { addVendorUsersRoute } from './vendor-users.ts';

const decisionsSchema = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

interface AdminDependencies {
  readonly store: Store;
  readonly connections: Connections;
  /** The issuers whose tokens are accepted. */
  readonly issuers: readonly string[];
  /** The digests of the accepted admin tokens. */
  readonly accepted: readonly AdminDigest[];
  readonly audit: Audit;
  readonly clock: Clock;
}

/**
 * Adds the operator's API: `GET|PUT|DELETE /v1/vendor-users`, `GET|PUT|DELETE /v1/blocked-users` and `GET /v1/decisions`. It
 * accepts only admin tokens, never the token of a principal.
 */
export function addAdminRoutes(server: FastifyInstance, dependencies: AdminDependencies): void {
  const authentication = createAdminCheck(server, dependencies.accepted);
  logChanges(server);
  addVendorUsersRoute(server, dependencies, authentication);
  addBlockedUsersRoute(server, dependencies, authentication);
  addDecisionsRoute(server, dependencies, authentication);
}

/** Logs each successful change by the operator, because it decides who may sign in and as which vendor user. */
function logChanges(server: FastifyInstance): void {
  server.addHook('onResponse', async ({ method, routeOptions, log, body, actor }, { statusCode }) => {
    if (statusCode !== 204 || actor === null) return;
    log.info({ actor, change: { method, path: routeOptions.url, ...(body as object) } }, 'admin');
  });
}

function addDecisionsRoute(
  server: FastifyInstance,
  { store }: AdminDependencies,
  authentication: onRequestAsyncHookHandler,
): void {
  const encode = ({ requestId, vendorUserId, ...decision }: Decision) => ({
    ...decision,
    request_id: requestId,
    ...(vendorUserId !== undefined && { vendor_user_id: vendorUserId }),
  });
  const handler = async ({ query }: { query: unknown }) => ({
    decisions: (await store.listDecisions(parse(decisionsSchema, query).limit)).map(encode),
  });
  addRoute(server, '/v1/decisions', { GET: handler }, authentication);
}
