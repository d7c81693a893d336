import {
  ValetKeyError,
  type Clock,
  type Principal,
  type SessionResponse,
  type SessionVendor,
} from '@valetkey/core-types';
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import type { Identify } from '../../identity/identify.ts';
import { isAllowed } from '../../policy/access.ts';
import type { Store } from '../../storage/store.ts';
import type { Connection, Connections } from '../../vendors/connections.ts';
import { explainConnection } from '../../vendors/explain-connection.ts';
import { findConnection } from '../../vendors/perform.ts';
import { authenticateWith, principalOf, type ReadCredentials } from '../request-rules.ts';
import { addRoute } from '../server.ts';

interface SessionRouteDependencies {
  readonly identify: Identify;
  readonly readCredentials: ReadCredentials;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly store: Store;
  /** Whether `?explain=` is allowed. */
  readonly mayExplain: boolean;
}

const isoAt = (ms: number): string => new Date(ms).toISOString();

/**
 * Adds `GET /v1/session`, which returns the principal and the connections that it may use. With `?explain=<connection>`, it also
 * returns why the principal may or may not use that connection.
 */
export function addSessionRoute(server: FastifyInstance, dependencies: SessionRouteDependencies): void {
  const { identify, readCredentials, connections, clock, store, mayExplain } = dependencies;
  const handler: RouteHandlerMethod = async (request): Promise<SessionResponse> => {
    const principal = principalOf(request);
    const explained = findExplained(request.query, connections, mayExplain);
    const { issuer, subject, scopes, expiresAtSeconds } = principal;
    const usable = [...connections.values()].filter((connection) => listOperations(connection, principal).length > 0);
    const vendors = await Promise.all(
      usable.map(async (connection) => [connection.name, await describeConnection(connection, principal)] as const),
    );
    return {
      issuer,
      subject,
      scopes: [...scopes],
      ...(expiresAtSeconds !== undefined && { expires_at: isoAt(expiresAtSeconds * 1000) }),
      vendors: Object.fromEntries(vendors),
      ...(explained !== undefined && { explanation: await explainConnection(explained, principal, store) }),
      server_time: isoAt(clock.nowMs()),
    };
  };
  addRoute(server, '/v1/session', { GET: handler }, authenticateWith(identify, 'session', readCredentials));
}

/** Returns the connection that a request asks to be explained. Throws `forbidden` unless the operator allows it. */
function findExplained(query: unknown, connections: Connections, mayExplain: boolean): Connection | undefined {
  const { explain } = query as { explain?: unknown };
  if (explain === undefined) return undefined;
  if (!mayExplain) {
    throw new ValetKeyError('forbidden', 'This broker explains no connection to callers.', {
      remediation:
        'Ask the operator to set session.explain, or to run `valetkey explain --connection` with your token.',
    });
  }
  return findConnection(connections, typeof explain === 'string' ? explain : '');
}

/** Returns the operations of a connection that its rules allow the principal. */
function listOperations({ vendor, rules }: Connection, principal: Principal): SessionVendor['operations'] {
  const operations = (['issue', 'proxy', 'authenticate'] as const).filter((ability) => vendor[ability] !== undefined);
  return operations.filter((operation) => isAllowed(rules, principal, operation));
}

async function describeConnection(connection: Connection, principal: Principal): Promise<SessionVendor> {
  const { vendor, users } = connection;
  const operations = listOperations(connection, principal);
  const vendorUserId = vendor.issue?.bound === 'user' ? await users.known(principal) : undefined;
  return { vendor: vendor.id, operations, ...(vendorUserId !== undefined && { vendor_user_id: vendorUserId }) };
}
