import { createHash, timingSafeEqual } from 'node:crypto';
import { ValetKeyError, type SecretSlots } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import { z } from 'zod';
import type { ConnectedVendor, ConnectedVendors } from '../connected-vendors.ts';
import type { Store } from '../store.ts';
import { addRoute } from './server.ts';

const person = { issuer: z.string().min(1), subject: z.string().min(1) };
const personSchema = z.strictObject(person);
const mappingSchema = z.strictObject({
  ...person,
  vendor: z.string().min(1),
  vendor_user_id: z.string().min(1).max(255),
});
const decisionsSchema = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

interface AdminServices {
  readonly store: Store;
  readonly connected: ConnectedVendors;
  /** Whose users there are. */
  readonly issuers: readonly string[];
  readonly token: SecretSlots | undefined;
}

/**
 * The operator's API: `GET /v1/vendor-users?issuer=&subject=`, `PUT` and `DELETE /v1/vendor-users`, the same three of
 * `/v1/blocked-users`, and `GET /v1/decisions?limit=`. It takes the admin token alone; an app user's token opens nothing here.
 */
export function addAdminRoutes(server: FastifyInstance, { store, connected, issuers, token }: AdminServices): void {
  const onRequest = [createAdminCheck(token)];

  const readMapping = (body: unknown) => {
    const { vendor, issuer, subject, vendor_user_id: vendorUserId } = parse(mappingSchema, body);
    if (!connected.has(vendor)) throw new ValetKeyError('unknown_vendor', 'No vendor of this name is configured.');
    return { key: { vendor, issuer, subject }, vendorUserId };
  };

  /** A person of whom nobody signs in is a slip of the pen: whoever was meant would still be let in, or have no user. */
  const checkIssuer = (issuer: string) => {
    if (issuers.includes(issuer)) return;
    throw new ValetKeyError('invalid_request', 'No issuer of this name is configured.', {
      remediation: `Write it as the configuration does: ${issuers.join(', ')}.`,
    });
  };

  // Who is let in, and as whom, is changed here: it has to be possible to find out when that was.
  server.addHook('onResponse', async ({ method, routeOptions, id: requestId, log, body }, { statusCode }) => {
    if (statusCode === 204)
      log.info({ requestId, change: { method, path: routeOptions.url, ...(body as object) } }, 'admin');
  });

  addRoute(
    server,
    '/v1/vendor-users',
    {
      GET: async (request) => {
        const found = await store.listVendorUsers(parse(personSchema, request.query));
        return { vendor_users: Object.fromEntries(found) };
      },
      PUT: async (request, reply) => {
        const { key, vendorUserId } = readMapping(request.body);
        checkIssuer(key.issuer);
        const { vendor, users } = connected.get(key.vendor) as ConnectedVendor;
        if (vendor.issue?.bound !== 'user' || !users.areStored) {
          throw new ValetKeyError('invalid_request', `Who is which user at ${key.vendor} is not read from here.`, {
            remediation: `Set vendors.${key.vendor}.user in the configuration, where the vendor has users at all.`,
          });
        }
        await store.setVendorUser(key, vendorUserId);
        return reply.status(204).send();
      },
      DELETE: async (request, reply) => {
        const { key, vendorUserId } = readMapping(request.body);
        if (await store.removeVendorUser(key, vendorUserId)) return reply.status(204).send();
        throw new ValetKeyError('not_found', 'This person has no such vendor user.');
      },
    },
    onRequest,
  );
  addRoute(
    server,
    '/v1/blocked-users',
    {
      GET: async (request) => ({ blocked: await store.isBlocked(parse(personSchema, request.query)) }),
      PUT: async (request, reply) => {
        const blocked = parse(personSchema, request.body);
        checkIssuer(blocked.issuer);
        await store.blockUser(blocked);
        return reply.status(204).send();
      },
      DELETE: async (request, reply) => {
        if (await store.unblockUser(parse(personSchema, request.body))) return reply.status(204).send();
        throw new ValetKeyError('not_found', 'This person is not blocked.');
      },
    },
    onRequest,
  );
  addRoute(
    server,
    '/v1/decisions',
    {
      GET: async (request) => {
        const decisions = await store.listDecisions(parse(decisionsSchema, request.query).limit);
        return {
          decisions: decisions.map(({ requestId, vendorUserId, ...decision }) => ({
            ...decision,
            request_id: requestId,
            ...(vendorUserId === undefined ? {} : { vendor_user_id: vendorUserId }),
          })),
        };
      },
    },
    onRequest,
  );
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const fields = error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys : [issue.path.map(String).join('.') || 'the whole'],
  );
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
    const given = digest(readBearerToken(headers.authorization));
    if (accepted.some((expected) => timingSafeEqual(expected, given))) return;
    throw new ValetKeyError('invalid_token', 'This is not the admin token.', {
      remediation: 'Send the value of admin.token as `Authorization: Bearer <token>`.',
    });
  };
}
