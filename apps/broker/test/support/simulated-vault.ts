import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Clock } from '@valetkey/core-types';
import type { IssuedCertificate } from './certificate-authority.ts';

interface TokenState {
  readonly renewable: boolean;
  readonly leaseSeconds: number;
  /** When the token ends however often it is renewed, in seconds on the clock. */
  readonly maxEndsAt: number;
  endsAt: number;
}

interface SecretVersion {
  readonly data: object;
  readonly version: number;
  readonly isDeleted?: boolean;
  /** Whether it is a secret of KV version 1, whose responses have no version. */
  readonly isVersion1?: boolean;
}

/** How long the tokens of a login live, in seconds. */
interface Lease {
  leaseSeconds: number;
  maxSeconds: number;
  renewable: boolean;
}

interface SimulationOptions {
  readonly clock?: Pick<Clock, 'monotonicMs'>;
  readonly certificate?: IssuedCertificate;
}

/** The moment at which each version of a secret was created. */
export const createdTime = '2026-11-20T02:24:06.945319214Z';

/**
 * Starts a server that behaves as the HTTP API of HashiCorp Vault documents it: KV version 2 at `secret`, the logins by AppRole
 * and Kubernetes, and the look-up and the renewal of tokens.
 */
export async function createSimulatedVault({
  clock = { monotonicMs: () => performance.now() },
  certificate,
}: SimulationOptions = {}) {
  const secrets = new Map<string, SecretVersion>();
  const tokens = new Map<string, TokenState>();
  const lease: Lease = { leaseSeconds: 3_600, maxSeconds: 86_400, renewable: true };
  const logins = {
    roleId: 'role-1',
    secretId: 'sim-secret-id-5d21',
    role: 'broker',
    jwt: 'sim-service-account-jwt-5d21',
  };
  const state = { namespace: undefined as string | undefined, fault: undefined as number | 'hang' | undefined };
  const requests: string[] = [];
  let issued = 0;
  const now = () => clock.monotonicMs() / 1_000;

  function grant(token: string, terms: Lease = lease): object {
    const { leaseSeconds, maxSeconds, renewable } = terms;
    tokens.set(token, { renewable, leaseSeconds, endsAt: now() + leaseSeconds, maxEndsAt: now() + maxSeconds });
    return {
      client_token: token,
      accessor: `accessor-${token}`,
      policies: ['default'],
      lease_duration: leaseSeconds,
      renewable,
    };
  }

  function logIn(path: string, body: Record<string, unknown>): readonly [number, object] {
    const { roleId, secretId, role, jwt } = logins;
    const isAppRole = path.endsWith('approle/login');
    const isGood = isAppRole
      ? body['role_id'] === roleId && body['secret_id'] === secretId
      : body['role'] === role && body['jwt'] === jwt;
    if (!isGood) return isAppRole ? [400, errorsOf('invalid role or secret ID')] : [403, errorsOf('permission denied')];
    issued += 1;
    return [200, envelope({ auth: grant(`hvs.sim-token-${issued}`) })];
  }

  function respond(
    method: string,
    path: string,
    token: string,
    body: Record<string, unknown>,
  ): readonly [number, object] {
    if (method === 'POST' && path.endsWith('/login')) return logIn(path, body);
    const known = tokens.get(token);
    if (known === undefined || known.endsAt <= now()) return [403, errorsOf('permission denied')];
    if (method === 'GET' && path === 'auth/token/lookup-self')
      return [
        200,
        envelope({ data: { ttl: Math.floor(known.endsAt - now()), renewable: known.renewable, id: token } }),
      ];
    if (method === 'POST' && path === 'auth/token/renew-self') {
      if (!known.renewable) return [400, errorsOf('lease is not renewable')];
      known.endsAt = Math.min(now() + known.leaseSeconds, known.maxEndsAt);
      const leaseSeconds = Math.floor(known.endsAt - now());
      return [200, envelope({ auth: { client_token: token, lease_duration: leaseSeconds, renewable: true } })];
    }
    const secret = method === 'GET' ? secrets.get(path) : undefined;
    if (secret === undefined) return [404, errorsOf()];
    const { data, version, isDeleted = false, isVersion1 = false } = secret;
    if (isVersion1) return [200, envelope({ data })];
    const metadata = {
      created_time: createdTime,
      custom_metadata: null,
      deletion_time: isDeleted ? createdTime : '',
      destroyed: false,
      version,
    };
    return [isDeleted ? 404 : 200, envelope({ data: { data: isDeleted ? null : data, metadata } })];
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = await text(request);
    const path = decodeURI(url).replace('/v1/', '');
    requests.push(`${method} ${path}`);
    if (state.fault === 'hang') return;
    const isElsewhere = headers['x-vault-namespace'] !== state.namespace || headers['x-vault-request'] !== 'true';
    const [status, sent] =
      state.fault !== undefined
        ? [state.fault, errorsOf('canary-of-vault')]
        : isElsewhere
          ? [404, errorsOf('no handler for route')]
          : respond(
              method,
              path,
              String(headers['x-vault-token'] ?? ''),
              body === '' ? {} : (JSON.parse(body) as Record<string, unknown>),
            );
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(sent));
  }

  const listener = (request: IncomingMessage, response: ServerResponse) => void handle(request, response);
  const server: Server =
    certificate === undefined
      ? createHttpServer(listener)
      : createHttpsServer({ cert: certificate.certificate, key: certificate.key }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    /** The credentials that the logins accept. */
    logins,
    /** The terms of the tokens that the logins issue. */
    lease,
    /** The namespace that requests must name, and a fault that each response has. */
    state,
    /** Every request so far, such as `GET secret/data/nudge`. */
    requests,
    tokens,
    /** Stores the next version of a secret, by the path of the API. */
    put(path: string, data: object): void {
      secrets.set(path, { data, version: (secrets.get(path)?.version ?? 0) + 1 });
    },
    /** Stores a secret of KV version 1. */
    putVersion1(path: string, data: object): void {
      secrets.set(path, { data, version: 1, isVersion1: true });
    },
    /** Marks the latest version of a secret as deleted. */
    deleteLatest(path: string): void {
      secrets.set(path, { data: {}, version: secrets.get(path)?.version ?? 1, isDeleted: true });
    },
    /** Creates a token that no login issued. */
    createToken(token: string, terms: Partial<Lease> = {}): void {
      grant(token, { ...lease, ...terms });
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type SimulatedVault = Awaited<ReturnType<typeof createSimulatedVault>>;

const errorsOf = (...errors: string[]): object => ({ errors });

/** The fields that every response of Vault has. */
function envelope(parts: { readonly data?: object; readonly auth?: object }): object {
  return {
    request_id: '7e57',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: null,
    wrap_info: null,
    warnings: null,
    auth: null,
    ...parts,
  };
}
