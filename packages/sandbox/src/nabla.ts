import { randomUUID } from 'node:crypto';
import { bearerToken, json, parseJsonObject, type Answer, type Call } from './answer.ts';
import { sandboxCredentials } from './credentials.ts';
import { createSigningKeys, type SigningKeys } from './keys.ts';
import { createNablaServerTokens, type NablaClient } from './nabla-server-tokens.ts';
import { nowSeconds, type Simulation, type SimulationEnvironment } from './simulation.ts';

/** How the simulated Nabla differs from its default. */
export interface NablaOptions {
  /** The method of the authenticate call. Default: `GET`, as Nabla documents it. */
  readonly authenticateMethod?: 'GET' | 'POST' | undefined;
  /** The body of an error. Nabla documents none; the default is a guess. */
  readonly errorBody?: ((status: number) => unknown) | undefined;
}

/** What tests may do to the simulated Nabla. */
export interface NablaState {
  /** The server keys that are taken from now on. */
  readonly setServerKeys: (keys: readonly string[]) => void;
  /** Makes a client for the newer Core API, as its console does. The private key is nowhere but in this answer. */
  readonly createClient: () => Promise<NablaClient>;
  /** Ends a patient's refresh tokens; access tokens live on, for Nabla calls them irrevocable. */
  readonly revokeSessions: (patientId: string) => void;
}

const accessLifetimeSeconds = 300;
const refreshLifetimeSeconds = 30 * 86_400;
/** Nobody refreshes most of what a load test asks for. */
const maxSessions = 100_000;

/** Simulates Nabla's patient tokens. Every patient is known, apart from those whose id starts with `unknown`. */
export const createNabla = (
  environment: SimulationEnvironment,
  options: NablaOptions = {},
): { simulation: Simulation; state: NablaState; keys: SigningKeys } => {
  const { clock, origin } = environment;
  const { authenticateMethod = 'GET', errorBody = defaultErrorBody } = options;
  const keys = createSigningKeys(clock, ['ES256']);
  let serverKeys: readonly string[] = [sandboxCredentials.nabla.serverKey];
  /** Refresh token ids that may still be used, with their patients. */
  const sessions = new Map<string, string>();

  const failure = (status: number): Answer => json(status, errorBody(status));
  const server = createNablaServerTokens(environment, keys, failure);

  const issue = async (patientId: string, call: Call): Promise<Answer> => {
    const iat = nowSeconds(clock);
    const refreshId = randomUUID();
    const common = { iss: `${origin()}/nabla`, sub: patientId, iat };
    const tokens = {
      access_token: await keys.sign(
        { ...common, jti: randomUUID(), type: 'access', exp: iat + accessLifetimeSeconds },
        { flaw: call.tokenFlaw },
      ),
      refresh_token: await keys.sign(
        { ...common, jti: refreshId, type: 'refresh', exp: iat + refreshLifetimeSeconds },
        { flaw: call.tokenFlaw },
      ),
    };
    sessions.set(refreshId, patientId);
    const [oldest] = sessions.keys();
    if (sessions.size > maxSessions && oldest !== undefined) sessions.delete(oldest);
    return json(200, tokens);
  };

  /** The session of the refresh token in the body, if it is still good. */
  const findSession = async (call: Call): Promise<{ id: string; patientId: string } | undefined> => {
    const token = parseJsonObject(call.body)?.['refresh_token'];
    const claims = typeof token === 'string' ? await keys.verify(token) : undefined;
    const id = claims?.['type'] === 'refresh' ? claims.jti : undefined;
    const patientId = id === undefined ? undefined : sessions.get(id);
    return id === undefined || patientId === undefined ? undefined : { id, patientId };
  };

  const withServerKey =
    (handle: (call: Call) => Answer | Promise<Answer>) =>
    (call: Call): Answer | Promise<Answer> =>
      serverKeys.includes(bearerToken(call) ?? '') ? handle(call) : failure(401);

  const authenticate = (call: Call) => {
    const patientId = call.parameters['user_id'] ?? '';
    if (patientId.startsWith('unknown')) return failure(404);
    return issue(call.wrongUser ? 'wrong-user' : patientId, call);
  };

  const refresh = async (call: Call) => {
    const session = await findSession(call);
    // Of two refreshes with one token, the second finds it gone.
    if (session === undefined || !sessions.delete(session.id)) return failure(401);
    return issue(call.wrongUser ? 'wrong-user' : session.patientId, call);
  };

  const logOut = async (call: Call): Promise<Answer> => {
    const session = await findSession(call);
    if (session === undefined) return failure(401);
    sessions.delete(session.id);
    return { status: 204 };
  };

  const callAsPatient = async (call: Call) => {
    const header = call.headers['x-nabla-authorization'];
    const token = typeof header === 'string' ? /^Bearer (.+)$/.exec(header)?.[1] : undefined;
    const claims = token === undefined ? undefined : await keys.verify(token);
    if (claims?.['type'] !== 'access') return failure(401);
    return json(200, { data: { me: { id: call.wrongUser ? 'wrong-user' : claims.sub } } });
  };

  return {
    keys,
    simulation: {
      vendor: 'nabla',
      failure,
      routes: {
        [`${authenticateMethod} /v1/server/jwt/patient/authenticate/{user_id}`]: withServerKey(authenticate),
        'POST /v1/patient/jwt/refresh': refresh,
        'POST /v1/patient/graphql/sdk/authenticated': callAsPatient,
        // The newer "Core" API: the server signs an assertion instead of sending a static key.
        'POST /v1/core/server/oauth/token': server.token,
        'POST /v1/core/server/jwt/authenticate/{user_id}': async (call) =>
          (await server.isServerToken(bearerToken(call))) ? authenticate(call) : failure(401),
        'POST /v1/core/user/jwt/refresh': refresh,
        'POST /v1/core/user/jwt/logout': logOut,
      },
    },
    state: {
      createClient: server.createClient,
      setServerKeys: (keys) => {
        serverKeys = [...keys];
      },
      revokeSessions: (patientId) => {
        for (const [id, owner] of sessions) if (owner === patientId) sessions.delete(id);
      },
    },
  };
};

const errorNames: Readonly<Record<number, string>> = { 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found' };

const defaultErrorBody = (status: number) => ({ code: status, message: errorNames[status] ?? 'Error' });
