import type { Clock } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import type { Audit } from '../../audit/audit.ts';
import type { AdminDigest } from '../../config/admin-fields.ts';
import type { Store } from '../../storage/store.ts';
import type { Connections } from '../../vendors/connections.ts';
import { createAdminCheck } from './admin-authentication.ts';
import { addBlockedUsersRoute } from './blocked-users.ts';
import { addDecisionsRoute } from './decisions.ts';
import { addForgottenUsersRoute } from './forgotten-users.ts';
import { addVendorUsersRoute } from './vendor-users.ts';

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
 * Adds the operator's API: `GET|PUT|DELETE /v1/vendor-users`, `GET|PUT|DELETE /v1/blocked-users`,
 * `PUT /v1/forgotten-users` and `GET /v1/decisions`. It accepts only admin tokens, never the token of a principal.
 */
export function addAdminRoutes(server: FastifyInstance, dependencies: AdminDependencies): void {
  const authentication = createAdminCheck(server, dependencies.accepted);
  logChanges(server);
  addVendorUsersRoute(server, dependencies, authentication);
  addBlockedUsersRoute(server, dependencies, authentication);
  addForgottenUsersRoute(server, dependencies, authentication);
  addDecisionsRoute(server, dependencies.store, authentication);
}

/** Logs each successful change by the operator, because it decides who may sign in and as which vendor user. */
function logChanges(server: FastifyInstance): void {
  server.addHook('onResponse', async ({ method, routeOptions, log, body, actor }, { statusCode }) => {
    if (statusCode !== 204 || actor === null) return;
    log.info({ actor, change: { method, path: routeOptions.url, ...(body as object) } }, 'admin');
  });
}
