import {
  ValetKeyError,
  type Clock,
  type Principal,
  type SessionAnswer,
  type SessionVendor,
} from '@valetkey/core-types';
import { readBearerToken, type JwtVerifier } from '@valetkey/jwt-verify';
import type { FastifyInstance, FastifyReply, onRequestAsyncHookHandler, RouteHandlerMethod } from 'fastify';
import { mayUse, type ConnectedVendor, type ConnectedVendors } from '../connected-vendors.ts';
import { principalOf } from './authenticate.ts';
import { addRoute } from './server.ts';

export interface SessionRouteServices {
  readonly verifier: JwtVerifier;
  readonly authenticate: onRequestAsyncHookHandler;
  readonly connected: ConnectedVendors;
  readonly clock: Clock;
  readonly headerPrefix: string;
}

const isoAt = (ms: number) => new Date(ms).toISOString();

/** `GET /v1/session`: the principal, and what it may do at each vendor. */
export function addSessionRoute(server: FastifyInstance, services: SessionRouteServices): void {
  const { authenticate, connected, clock } = services;
  const handler: RouteHandlerMethod = async (request): Promise<SessionAnswer> => {
    const principal = principalOf(request);
    const { issuer, subject, scopes, expiresAtSeconds } = principal;
    const usable = [...connected.values()].filter((vendor) => mayUse(vendor, principal));
    const vendors = await Promise.all(
      usable.map(async (entry) => [entry.vendor.id, await describeVendor(entry, principal)] as const),
    );
    return {
      issuer,
      subject,
      scopes: [...scopes],
      ...(expiresAtSeconds === undefined ? {} : { expires_at: isoAt(expiresAtSeconds * 1000) }),
      vendors: Object.fromEntries(vendors),
      server_time: isoAt(clock.nowMs()),
    };
  };
  addRoute(server, '/v1/session', { GET: handler }, [authenticate]);
}

async function describeVendor({ vendor, users }: ConnectedVendor, principal: Principal): Promise<SessionVendor> {
  const operations = (['issue', 'proxy', 'authenticate'] as const).filter((ability) => vendor[ability] !== undefined);
  const vendorUserId = vendor.issue?.bound === 'user' ? await users.known(principal) : undefined;
  return { operations, ...(vendorUserId === undefined ? {} : { vendor_user_id: vendorUserId }) };
}

/**
 * `GET|HEAD /v1/resolve`: forward-auth in three states. Always 200 and empty; the session header is absent without a
 * token, `true` for a valid one, `false` for any other. Only an identity provider that cannot be asked is an error: a
 * caller must not be taken for signed out then.
 */
export function addResolveRoute(server: FastifyInstance, { verifier, headerPrefix }: SessionRouteServices): void {
  const handler: RouteHandlerMethod = async (request, reply) => {
    const { authorization } = request.headers;
    if (authorization !== undefined) {
      const principal = await verifier.verify(readBearerToken(authorization)).catch(refusalOnly);
      writeSessionHeaders(reply, headerPrefix, principal);
    }
    return reply.send();
  };
  addRoute(server, '/v1/resolve', { GET: handler, HEAD: handler });
}

function refusalOnly(error: unknown): undefined {
  if (ValetKeyError.isInstance(error) && error.status < 500) return undefined;
  throw error;
}

function writeSessionHeaders(reply: FastifyReply, prefix: string, principal: Principal | undefined): void {
  reply.header(`${prefix}session-valid`, String(principal !== undefined));
  if (principal === undefined) return;
  reply.header(`${prefix}user-id`, headerText(principal.subject));
  reply.header(`${prefix}issuer`, headerText(principal.issuer));
  reply.header(`${prefix}scope`, principal.scopes.map(headerText).join(' '));
}

// Printable ASCII stays as it is; the rest, and the sign that marks it, is percent-encoded, so that two subjects never
// become one text and none breaks out of its line.
const headerText = (text: string) => text.toWellFormed().replaceAll(/[^\x21-\x24\x26-\x7e]+/g, encodeURIComponent);
