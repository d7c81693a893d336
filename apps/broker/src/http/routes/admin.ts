import { createHash, timingSafeEqual } from 'node:crypto';
import { listSchemaProblems, ValetKeyError, type SecretSlots } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import { z } from 'zod';
import type { Decision, Store, VendorUserKey } from '../../storage/store.ts';
import type { Connections } from '../../vendors/connections.ts';
import { findConnection } from '../../vendors/perform.ts';
import { addRoute } from '../server.ts';

const personShape = { issuer: z.string().min(1), subject: z.string().min(1) };
const personSchema = z.strictObject(personShape);
const name = z.string().min(1);
const mappingSchema = z.union([
  z.strictObject({ ...personShape, connection: name, vendor_user_id: z.string().min(1).max(255) }),
  // Before a vendor could be used more than once, the connection was called `vendor`.
  z.strictObject({ ...personShape, vendor: name, vendor_user_id: z.string().min(1).max(255) }),
]);
const decisionsSchema = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

interface AdminDependencies {
  readonly store: Store;
  readonly connections: Connections;
  /** The issuers whose users may sign in. */
  readonly issuers: readonly string[];
  readonly token: SecretSlots | undefined;
}

/**
 * Adds the operator's API: `GET|PUT|DELETE /v1/vendor-users`, the same three of `/v1/blocked-users`, and
 * `GET /v1/decisions`. It accepts only the admin token; an app user's token opens nothing here.
 */
export function addAdminRoutes(server: FastifyInstance, dependencies: AdminDependencies): void {
  const authentication = createAdminCheck(dependencies.token);
  logChanges(server);
  addVendorUsersRoute(server, dependencies, authentication);
  addBlockedUsersRoute(server, dependencies, authentication);
  addDecisionsRoute(server, dependencies, authentication);
}

/** These routes change who may sign in, and as which vendor user; the log must show when that happened. */
function logChanges(server: FastifyInstance): void {
  server.addHook('onResponse', async ({ method, routeOptions, id: requestId, log, body }, { statusCode }) => {
    if (statusCode !== 204) return;
    log.info({ requestId, change: { method, path: routeOptions.url, ...(body as object) } }, 'admin');
  });
}

function addVendorUsersRoute(
  server: FastifyInstance,
  { store, connections, issuers }: AdminDependencies,
  authentication: onRequestAsyncHookHandler,
): void {
  const parseMapping = (body: unknown): { key: VendorUserKey; vendorUserId: string } => {
    const { issuer, subject, vendor_user_id: vendorUserId, ...target } = parse(mappingSchema, body);
    const connection = 'connection' in target ? target.connection : target.vendor;
    findConnection(connections, connection);
    return { key: { connection, issuer, subject }, vendorUserId };
  };
  addRoute(
    server,
    '/v1/vendor-users',
    {
      GET: async (request) => {
        const found = await store.listVendorUsers(parse(personSchema, request.query));
        return { vendor_users: Object.fromEntries(found) };
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
        await store.setVendorUser(key, vendorUserId);
        return reply.status(204).send();
      },
      DELETE: async (request, reply) => {
        const { key, vendorUserId } = parseMapping(request.body);
        if (await store.removeVendorUser(key, vendorUserId)) return reply.status(204).send();
        throw new ValetKeyError('not_found', 'This person has no such vendor user.');
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
      GET: async (request) => ({ blocked: await store.isBlocked(parse(personSchema, request.query)) }),
      PUT: async (request, reply) => {
        const person = parse(personSchema, request.body);
        assertKnownIssuer(issuers, person.issuer);
        await store.blockUser(person);
        return reply.status(204).send();
      },
      DELETE: async (request, reply) => {
        if (await store.unblockUser(parse(personSchema, request.body))) return reply.status(204).send();
        throw new ValetKeyError('not_found', 'This person is not blocked.');
      },
    },
    authentication,
  );
}

function addDecisionsRoute(
  server: FastifyInstance,
  { store, connections }: AdminDependencies,
  authentication: onRequestAsyncHookHandler,
): void {
  const encode = ({ requestId, vendorUserId, connection, ...decision }: Decision) => ({
    ...decision,
    connection,
    // The connection may no longer be configured, or the caller may have made it up.
    vendor: connections.get(connection)?.vendor.id ?? connection,
    request_id: requestId,
    ...(vendorUserId !== undefined && { vendor_user_id: vendorUserId }),
  });
  const handler = async ({ query }: { query: unknown }) => ({
    decisions: (await store.listDecisions(parse(decisionsSchema, query).limit)).map(encode),
  });
  addRoute(server, '/v1/decisions', { GET: handler }, authentication);
}

/** A person of an unknown issuer is a mistake: the person who was meant would stay unblocked, or without a vendor user. */
function assertKnownIssuer(issuers: readonly string[], issuer: string): void {
  if (issuers.includes(issuer)) return;
  throw new ValetKeyError('invalid_request', 'No issuer of this name is configured.', {
    remediation: `Write it as in the configuration: ${issuers.join(', ')}.`,
  });
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const fields = listSchemaProblems(error).map(({ field }) => field || 'the whole');
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
