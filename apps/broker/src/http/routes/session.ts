import type { Clock, Principal, SessionResponse, SessionVendor } from '@valetkey/core-types';
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import type { Identify } from '../../identity/identify.ts';
import { isAllowed } from '../../policy/access.ts';
import type { Connection, Connections } from '../../vendors/connections.ts';
import { authenticateWith, principalOf } from '../request-head.ts';
import { addRoute } from '../server.ts';

interface SessionRouteDependencies {
  readonly identify: Identify;
  readonly connections: Connections;
  readonly clock: Clock;
}

const isoAt = (ms: number): string => new Date(ms).toISOString();

/** Adds `GET /v1/session`, which returns the principal and the connections that it may use. */
export function addSessionRoute(server: FastifyInstance, dependencies: SessionRouteDependencies): void {
  const { identify, connections, clock } = dependencies;
  const handler: RouteHandlerMethod = async (request): Promise<SessionResponse> => {
    const principal = principalOf(request);
    const { issuer, subject, scopes, expiresAtSeconds } = principal;
    const usable = [...connections.values()].filter(({ rules }) => isAllowed(rules, principal));
    const vendors = await Promise.all(
      usable.map(async (connection) => [connection.name, await describeConnection(connection, principal)] as const),
    );
    return {
      issuer,
      subject,
      scopes: [...scopes],
      ...(expiresAtSeconds !== undefined && { expires_at: isoAt(expiresAtSeconds * 1000) }),
      vendors: Object.fromEntries(vendors),
      server_time: isoAt(clock.nowMs()),
    };
  };
  addRoute(server, '/v1/session', { GET: handler }, authenticateWith(identify));
}

async function describeConnection({ vendor, users }: Connection, principal: Principal): Promise<SessionVendor> {
  const operations = (['issue', 'proxy', 'authenticate'] as const).filter((ability) => vendor[ability] !== undefined);
  const vendorUserId = vendor.issue?.bound === 'user' ? await users.known(principal) : undefined;
  return { vendor: vendor.id, operations, ...(vendorUserId !== undefined && { vendor_user_id: vendorUserId }) };
}
