import { sandboxMarker } from '@valetkey/core-types';
import { z } from 'zod';
import {
  bearerToken,
  jsonResponse,
  parseJsonObject,
  type Call,
  type SimulatedResponse,
} from '../../engine/responses.ts';
import { control } from '../../engine/controls.ts';
import { createCredentialList, credentialsSchema } from '../../engine/credential-list.ts';
import { defineSimulation } from '../../engine/simulation.ts';
import { createNablaServerTokens } from './nabla-server-tokens.ts';
import { createNablaSessions, type NablaSessions } from './nabla-sessions.ts';

/** Simulates Nabla's patient tokens. Every patient is known, except those whose id starts with `unknown`. */
export const nabla = defineSimulation({
  id: 'nabla',
  title: 'Nabla',
  options: z.strictObject({
    authenticateMethod: z
      .enum(['GET', 'POST'])
      .default('GET')
      .describe('The HTTP method that Nabla accepts for the authenticate call. Nabla documents `GET`.'),
    errorBody: z
      .custom<(status: number) => unknown>((value) => typeof value === 'function', { error: 'must be a function' })
      .optional()
      .describe(
        'Returns the body of an error with this status. Nabla documents no such body, so the default is a guess.',
      ),
  }),
  credentials: { serverKey: `server_${sandboxMarker}-nabla-server-key` },
  services: {
    nabla: {
      title: 'Nabla',
      sample: 'GET  /v1/server/jwt/patient/authenticate/{user_id}',
      simulates: 'patient tokens and their refresh; the newer Core API with signed client assertions',
    },
  },
  signingKeys: { nabla: ['ES256'] },
  dev: ({ urls, credentials, issuer }) => ({
    baseUrl: urls.nabla,
    serverKey: credentials.serverKey,
    patientIdClaim: 'sub',
    user: { claim: 'sub', issuer },
  }),

  simulate({ clock, urlOf, keys: { nabla: keys }, credentials }, { authenticateMethod, errorBody = describeError }) {
    const serverKeys = createCredentialList([credentials.serverKey]);
    const failure = (status: number) => jsonResponse(status, errorBody(status));
    const sessions = createNablaSessions({ clock, keys, issuer: () => urlOf('nabla') });
    const tokenUrl = () => `${urlOf('nabla')}/v1/core/server/oauth/token`;
    const server = createNablaServerTokens({ clock, keys, tokenUrl, failure });

    const patient = createPatientHandlers(sessions, failure);

    return {
      services: {
        nabla: {
          failure,
          routes: {
            [`${authenticateMethod} /v1/server/jwt/patient/authenticate/{user_id}`]: (call) =>
              serverKeys.accepts(bearerToken(call)) ? patient.authenticate(call) : failure(401),
            'POST /v1/patient/jwt/refresh': patient.refresh,
            'POST /v1/patient/graphql/sdk/authenticated': patient.callAsPatient,
            // The newer Core API, where the server signs an assertion instead of sending a static key.
            'POST /v1/core/server/oauth/token': server.issueServerToken,
            'POST /v1/core/server/jwt/authenticate/{user_id}': async (call) =>
              (await server.isServerToken(bearerToken(call))) ? patient.authenticate(call) : failure(401),
            'POST /v1/core/user/jwt/refresh': patient.refresh,
            'POST /v1/core/user/jwt/logout': patient.logOut,
          },
        },
      },
      controls: {
        setServerKeys: control(credentialsSchema, serverKeys.replace),
        revokeSessions: control(z.string().min(1), sessions.revoke),
      },
      state: { createClient: server.createClient },
    };
  },
});

function createPatientHandlers(sessions: NablaSessions, failure: (status: number) => SimulatedResponse) {
  const findSession = (call: Call) => sessions.find(parseJsonObject(call.body)?.['refresh_token']);

  async function issueTokens(patientId: string, call: Call): Promise<SimulatedResponse> {
    return jsonResponse(200, await sessions.start(call.wrongUser ? 'wrong-user' : patientId, call.tokenFlaw));
  }

  async function authenticate(call: Call): Promise<SimulatedResponse> {
    const patientId = call.parameters['user_id'] ?? '';
    return patientId.startsWith('unknown') ? failure(404) : issueTokens(patientId, call);
  }

  async function refresh(call: Call): Promise<SimulatedResponse> {
    const session = await findSession(call);
    // Of two concurrent refreshes with one token, the second finds the session ended.
    if (session === undefined || !sessions.end(session)) return failure(401);
    return issueTokens(session.patientId, call);
  }

  async function logOut(call: Call): Promise<SimulatedResponse> {
    const session = await findSession(call);
    if (session === undefined) return failure(401);
    sessions.end(session);
    return { status: 204 };
  }

  async function callAsPatient(call: Call): Promise<SimulatedResponse> {
    const header = call.headers['x-nabla-authorization'];
    const token = typeof header === 'string' ? /^Bearer (.+)$/.exec(header)?.[1] : undefined;
    const patientId = token === undefined ? undefined : await sessions.findPatient(token);
    if (patientId === undefined) return failure(401);
    return jsonResponse(200, { data: { me: { id: call.wrongUser ? 'wrong-user' : patientId } } });
  }

  return { authenticate, refresh, logOut, callAsPatient };
}

const errorNames: Readonly<Record<number, string>> = { 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found' };

function describeError(status: number): unknown {
  return { code: status, message: errorNames[status] ?? 'Error' };
}
