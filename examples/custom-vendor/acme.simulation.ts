import { bearerToken, defineSimulation, jsonResponse, parseJsonObject, type Call } from '@valetkey/sandbox';

const apiKey = 'sandbox-only-acme-api-key';
const failure = (status: number) => jsonResponse(status, { error: status });
const isAuthorized = (call: Call) => bearerToken(call) === apiKey;

/** Simulates the three calls of Acme that `acme.ts` makes. */
export const acmeSimulation = defineSimulation({
  id: 'acme',
  title: 'Acme',
  credentials: { apiKey },
  services: { acme: { title: 'Acme', sample: 'POST /v1/tokens', simulates: 'users and their tokens' } },
  dev: ({ urls, credentials }) => ({ baseUrl: urls.acme, apiKey: credentials.apiKey, user: { ensure: true } }),

  simulate() {
    const userIds = new Map<string, string>();

    function createUser(call: Call) {
      if (!isAuthorized(call)) return failure(401);
      const externalId = String(parseJsonObject(call.body)?.['external_id']);
      const known = userIds.get(externalId);
      const id = known ?? `user_${userIds.size + 1}`;
      userIds.set(externalId, id);
      return jsonResponse(known === undefined ? 201 : 200, { id, external_id: externalId });
    }

    function createToken(call: Call) {
      if (!isAuthorized(call)) return failure(401);
      const { user_id: requested, expires_in } = parseJsonObject(call.body) ?? {};
      const user_id = call.wrongUser ? 'user_of_another_principal' : String(requested);
      return jsonResponse(200, { user_id, token: `token-of-${user_id}`, expires_in });
    }

    const routes = {
      'POST /v1/users': createUser,
      'POST /v1/tokens': createToken,
      'GET /v1/users/{user_id}': (call: Call) => failure(isAuthorized(call) ? 404 : 401),
    };
    return { services: { acme: { failure, routes } } };
  },
});
