import { createHash, timingSafeEqual } from 'node:crypto';
import {
  isSameIdentifier,
  listSchemaProblems,
  readTenant,
  ValetKeyError,
  type SecretSlots,
} from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import { z } from 'zod';
import type { Audit } from '../../audit/audit.ts';
import type { Store, StoredVendorUser, VendorUserKey } from '../../storage/store.ts';
import type { Connections } from '../../vendors/connections.ts';
import { findConnection } from '../../vendors/perform.ts';
import { addRoute } from '../server.ts';
import { addDecisionsRoute } from './decisions.ts';

const principalShape = { issuer: z.string().min(1), subject: z.string().min(1) };
const principalSchema = z.strictObject(principalShape);
const name = z.string().min(1);
const mappingSchema = z.union([
  z.strictObject({ ...principalShape, connection: name, vendor_user_id: z.string().min(1).max(255) }),
  // The field `vendor` is the former name of `connection`.
  z.strictObject({ ...principalShape, vendor: name, vendor_user_id: z.string().min(1).max(255) }),
]);

interface AdminDependencies {
  readonly store: Store;
  readonly connections: Connections;
  /** The issuers whose tokens are accepted. */
  readonly issuers: readonly string[];
  readonly token: SecretSlots | undefined;
  readonly audit: Audit;
}

/**
 * Adds the operator's API: `GET|PUT|DELETE /v1/vendor-users`, `GET|PUT|DELETE /v1/blocked-users` and `GET /v1/decisions`. It
 * accepts only the admin token, never the token of a principal.
 */
export function addAdminRoutes(server: FastifyInstance, dependencies: AdminDependencies): void {
  const authentication = createAdminCheck(dependencies.token);
  logChanges(server);
  addVendorUsersRoute(server, dependencies, authentication);
  addBlockedUsersRoute(server, dependencies, authentication);
  addDecisionsRoute(server, dependencies.store, authentication);
}

/** Logs each successful change by the operator, because it decides who may sign in and as which vendor user. */
function logChanges(server: FastifyInstance): void {
  server.addHook('onResponse', async ({ method, routeOptions, log, body }, { statusCode }) => {
    if (statusCode !== 204) return;
    log.info({ change: { method, path: routeOptions.url, ...(body as object) } }, 'admin');
  });
}

function addVendorUsersRoute(
  server: FastifyInstance,
  { store, connections, issuers, audit }: AdminDependencies,
  authentication: onRequestAsyncHookHandler,
): void {
  const record = (requestId: string, operation: 'map' | 'unmap', key: VendorUserKey, vendorUserId: string) =>
    audit.record({ requestId, operation, ...key, vendorUserId, outcome: 'allowed' });
  const parseMapping = (body: unknown): { key: VendorUserKey; vendorUserId: string } => {
    const { issuer, subject, vendor_user_id: vendorUserId, ...target } = parse(mappingSchema, body);
    const connection = 'connection' in target ? target.connection : target.vendor;
    const { vendor } = findConnection(connections, connection);
    return { key: { connection, vendor: vendor.id, issuer, subject }, vendorUserId };
  };
  /** A vendor user is shown as `vendor:connection` where the name now has another vendor, or none and is not the vendor's id. */
  const nameOf = ({ connection, vendor }: StoredVendorUser): string => {
    const { id = connection } = connections.get(connection)?.vendor ?? {};
    return id === vendor ? connection : `${vendor}:${connection}`;
  };
  addRoute(
    server,
    '/v1/vendor-users',
    {
      GET: async (request) => {
        const found = await store.listVendorUsers(parse(principalSchema, request.query));
        return { vendor_users: Object.fromEntries(found.map((user) => [nameOf(user), user.vendorUserId])) };
      },
      PUT: async (request, reply) => {
        const { key, vendorUserId } = parseMapping(request.body);
        assertKnownIssuer(issuers, key.issuer);
        const { vendor, users } = findConnection(connections, key.connection);
        if (vendor.issue?.bound !== 'user' || !users.areStored) {
          throw new ValetKeyError(
            'invalid_request',
            `${key.connection} does not read its vendor users from the store.`,
            {
              remediation: `Set vendors.${key.connection}.user in the configuration, if the vendor has users at all.`,
            },
          );
        }
        await audit.assertWritable(request.id);
        await store.setVendorUser(key, vendorUserId);
        await record(request.id, 'map', key, vendorUserId);
        return reply.status(204).send();
      },
      DELETE: async (request, reply) => {
        const { key, vendorUserId } = parseMapping(request.body);
        await audit.assertWritable(request.id);
        const stored = await store.findVendorUser(key);
        const isStored = stored !== undefined && isSameIdentifier(stored, vendorUserId);
        if (!isStored || !(await store.removeVendorUser(key, stored))) {
          throw new ValetKeyError('not_found', 'This principal does not have this vendor user.');
        }
        await record(request.id, 'unmap', key, stored);
        return reply.status(204).send();
      },
    },
    authentication,
  );
}

function addBlockedUsersRoute(
  server: FastifyInstance,
  { store, issuers }: AdminDependencies,
  authentication: onRequestAsyncHookHandler,
): void {
  addRoute(
    server,
    '/v1/blocked-users',
    {
      GET: async (request) => ({ blocked: await store.isBlocked(parse(principalSchema, request.query)) }),
      PUT: async (request, reply) => {
        const principal = parse(principalSchema, request.body);
        assertKnownIssuer(issuers, principal.issuer);
        await store.blockUser(principal);
        return reply.status(204).send();
      },
      DELETE: async (request, reply) => {
        if (await store.unblockUser(parse(principalSchema, request.body))) return reply.status(204).send();
        throw new ValetKeyError('not_found', 'This user is not blocked.');
      },
    },
    authentication,
  );
}

/** Throws if the issuer is not configured: with a misspelt issuer, the change would apply to no principal at all. */
function assertKnownIssuer(issuers: readonly string[], issuer: string): void {
  if (issuers.some((form) => readTenant(form, issuer) !== undefined)) return;
  throw new ValetKeyError('invalid_request', 'No issuer of this name is configured.', {
    remediation: `Write it as in the configuration: ${issuers.join(', ')}.`,
  });
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const fields = listSchemaProblems(error).map(({ field }) => field || 'the whole request');
  throw new ValetKeyError('invalid_request', `These fields are missing or wrong: ${fields.join(', ')}.`);
}

function createAdminCheck(token: SecretSlots | undefined): onRequestAsyncHookHandler {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const accepted = [token?.current, token?.next].flatMap((secret) =>
    secret === undefined ? [] : [digest(secret.reveal())],
  );
  return async ({ headers }) => {
    if (accepted.length === 0) {
      throw new ValetKeyError('forbidden', 'The admin API is off.', {
        remediation: 'Set admin.token in the configuration.',
      });
    }
    const remediation = 'Send the value of admin.token as `Authorization: Bearer <token>`.';
    if (headers.authorization === undefined) {
      throw new ValetKeyError('missing_token', 'The request has no admin token.', { remediation });
    }
    const sent = digest(readBearerToken(headers.authorization));
    if (accepted.some((expected) => timingSafeEqual(expected, sent))) return;
    throw new ValetKeyError('invalid_token', 'This is not the admin token.', { remediation });
  };
}
