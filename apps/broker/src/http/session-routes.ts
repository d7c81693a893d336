import type { Clock, Principal, SessionAnswer, SessionVendor } from '@valetkey/core-types';
import type { FastifyInstance, onRequestAsyncHookHandler, RouteHandlerMethod } from 'fastify';
import { mayUse, type ConnectedVendor, type ConnectedVendors } from '../connected-vendors.ts';
import { principalOf } from './authenticate.ts';
import { addRoute } from './server.ts';

export interface SessionRouteServices {
  readonly authenticate: onRequestAsyncHookHandler;
  readonly connected: ConnectedVendors;
  readonly clock: Clock;
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
  return { vendor: vendor.id, operations, ...(vendorUserId === undefined ? {} : { vendor_user_id: vendorUserId }) };
}
