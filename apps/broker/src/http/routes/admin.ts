import type { Clock } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import type { Audit } from '../../audit/audit.ts';
import type { Store } from '../../storage/store.ts';
import type { Connections } from '../../vendors/connections.ts';
import { createAdminCheck, type AdminAccess } from './admin-authentication.ts';
import { addBlockedUsersRoute } from './blocked-users.ts';
import { addDecisionsRoute } from './decisions.ts';
import { addForgottenUsersRoute } from './forgotten-users.ts';
import { addVendorUsersRoute } from './vendor-users.ts';

interface AdminDependencies {
  readonly store: Store;
  readonly connections: Connections;
  /** The issuers whose tokens apps may send. */
  readonly issuers: readonly string[];
  /** The issuer of the operators. */
  readonly operatorIssuer: string | undefined;
  readonly access: AdminAccess;
  readonly audit: Audit;
  readonly clock: Clock;
}

/**
 * Adds the operator's API: `GET|PUT|DELETE /v1/vendor-users`, `GET|PUT|DELETE /v1/blocked-users`,
 * `PUT /v1/forgotten-users` and `GET /v1/decisions`. It accepts only admin tokens and the tokens of operators, never the token of an
 * app.
 */
export function addAdminRoutes(server: FastifyInstance, dependencies: AdminDependencies): void {
  const { issuers, operatorIssuer, access } = dependencies;
  const authentication = createAdminCheck(server, access);
  // An operator can be blocked too, but is no user of a vendor.
  const blockable = operatorIssuer === undefined ? issuers : [...new Set([...issuers, operatorIssuer])];
  logChanges(server);
  addVendorUsersRoute(server, dependencies, authentication);
  addBlockedUsersRoute(server, { ...dependencies, issuers: blockable }, authentication);
  addForgottenUsersRoute(server, dependencies, authentication);
  addDecisionsRoute(server, dependencies.store, authentication);
}

/** Logs each successful change by the operator, because it decides who may sign in and as which vendor user. */
function logChanges(server: FastifyInstance): void {
  server.addHook('onResponse', async ({ method, routeOptions, log, body, actor }, { statusCode }) => {
    // The response to a block may have a body. That to `forget` has one too, and the log must not name the erased user.
    const isBlock = statusCode === 200 && method === 'PUT' && routeOptions.url === '/v1/blocked-users';
    if ((statusCode !== 204 && !isBlock) || actor === null) return;
    log.info({ actor, change: { method, path: routeOptions.url, ...(body as object) } }, 'admin');
  });
}
