import { isSameIdentifier, ValetKeyError } from '@valetkey/core-types';
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import { z } from 'zod';
import type { Audit } from '../../audit/audit.ts';
import type { Mapping, Store, StoredVendorUser, VendorUserKey } from '../../storage/store.ts';
import type { Connections } from '../../vendors/connections.ts';
import { findConnection } from '../../vendors/perform.ts';
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

const name = z.string().min(1);
/** Parses the vendor user of a principal at a connection. */
export const mappingSchema = z.union([
  z.strictObject({ ...principalShape, connection: name, vendor_user_id: z.string().min(1).max(255) }),
  // The field `vendor` is the former name of `connection`.
  z.strictObject({ ...principalShape, vendor: name, vendor_user_id: z.string().min(1).max(255) }),
]);
const listSchema = z.strictObject({ issuer: name.optional(), connection: name.optional(), ...pageShape });
const keySchema = z.object({ issuer: z.string(), subject: z.string(), connection: z.string(), vendor: z.string() });

interface VendorUsersDependencies {
  readonly store: Store;
  readonly connections: Connections;
  /** The issuers whose tokens are accepted. */
  readonly issuers: readonly string[];
  readonly audit: Audit;
}

/** Adds `GET|PUT|DELETE /v1/vendor-users`: the vendor users of one principal, the list of all of them, and their changes. */
export function addVendorUsersRoute(
  server: FastifyInstance,
  { store, connections, issuers, audit }: VendorUsersDependencies,
  authentication: onRequestAsyncHookHandler,
): void {
  const parseMapping = (body: unknown): { key: VendorUserKey; vendorUserId: string } => {
    const { issuer, subject, vendor_user_id: vendorUserId, ...target } = parse(mappingSchema, body);
    const connection = 'connection' in target ? target.connection : target.vendor;
    const { vendor } = findConnection(connections, connection);
    return { key: { connection, vendor: vendor.id, issuer, subject }, vendorUserId };
  };
  addRoute(
    server,
    '/v1/vendor-users',
    {
      GET: ({ query }) =>
        'subject' in (query as object)
          ? showPrincipal(query, store, connections)
          : listMappings(query, store, connections),
      PUT: async (request, reply) => {
        const { key, vendorUserId } = parseMapping(request.body);
        assertKnownIssuer(issuers, key.issuer);
        assertStored(connections, key.connection);
        await audit.assertWritable(request.id);
        await store.setVendorUser(key, vendorUserId);
        await audit.record({ ...recordOf(request, 'map'), ...key, vendorUserId });
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
        await audit.record({ ...recordOf(request, 'unmap'), ...key, vendorUserId: stored });
        return reply.status(204).send();
      },
    },
    authentication,
  );
}

function recordOf(request: Parameters<typeof actorOf>[0], operation: 'map' | 'unmap') {
  return { requestId: request.id, operation, outcome: 'allowed', actor: actorOf(request) } as const;
}

/** Throws if the broker does not read the vendor users of this connection from the store. */
function assertStored(connections: Connections, connection: string): void {
  const { vendor, users } = findConnection(connections, connection);
  if (vendor.issue?.bound === 'user' && users.areStored) return;
  throw new ValetKeyError('invalid_request', `${connection} does not read its vendor users from the store.`, {
    remediation: `Set vendors.${connection}.user in the configuration, if the vendor has users at all.`,
  });
}

/** Returns the name of a vendor user: `vendor:connection` where the connection now has another vendor, or none and is not the vendor's id. */
function nameOf({ connection, vendor }: Pick<StoredVendorUser, 'connection' | 'vendor'>, connections: Connections) {
  const { id = connection } = connections.get(connection)?.vendor ?? {};
  return id === vendor ? connection : `${vendor}:${connection}`;
}

async function showPrincipal(query: unknown, store: Store, connections: Connections) {
  const found = await store.listVendorUsers(parse(principalSchema, query));
  return { vendor_users: Object.fromEntries(found.map((user) => [nameOf(user, connections), user.vendorUserId])) };
}

async function listMappings(query: unknown, store: Store, connections: Connections) {
  const { issuer, connection, limit, cursor } = parse(listSchema, query);
  const target =
    connection === undefined ? undefined : { connection, vendor: findConnection(connections, connection).vendor.id };
  const after = readCursor(keySchema, cursor, issuer);
  const { rows, next } = await readPage(
    limit,
    (count) => store.listMappings({ issuer, target, after, limit: count }),
    (last) => ({ issuer: last.issuer, subject: last.subject, connection: last.connection, vendor: last.vendor }),
  );
  const encode = (mapping: Mapping) => ({
    issuer: mapping.issuer,
    subject: mapping.subject,
    connection: nameOf(mapping, connections),
    vendor: mapping.vendor,
    vendor_user_id: mapping.vendorUserId,
  });
  return { mappings: rows.map(encode), ...next };
}
