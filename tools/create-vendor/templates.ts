import { toIdentifier, toTypeName } from '../generate/names.ts';

/** A vendor to be created. */
export interface NewVendor {
  /** Kebab case: `acme-pay`. */
  readonly id: string;
  /** The name as people write it: `Acme Pay`. */
  readonly title: string;
}

/** Returns every file of a new vendor, by its path in the repository. */
export function renderVendorFiles(vendor: NewVendor): Readonly<Record<string, string>> {
  const { id } = vendor;
  return {
    [`packages/vendor-clients/src/vendors/${id}/${id}.ts`]: renderClient(vendor),
    [`packages/vendor-clients/src/vendors/${id}/${id}.test.ts`]: renderClientTest(vendor),
    [`packages/sandbox/src/vendors/${id}/${id}.ts`]: renderSimulation(vendor),
    [`packages/sandbox/src/vendors/${id}/${id}.test.ts`]: renderSimulationTest(vendor),
    [`docs/vendors/${id}.md`]: renderPage(vendor),
    [`.changeset/vendor-${id}.md`]: renderChangeset(vendor),
  };
}

function renderClient({ id, title }: NewVendor): string {
  const [name, type] = [toIdentifier(id), toTypeName(id)];
  return `import {
  baseUrlSchema,
  bearerToken,
  defineVendor,
  invalidResponseError,
  issueForUser,
  readJson,
  secretCredential,
  tokenSchema,
  verifyCredentials,
  z,
  type CallOptions,
  type ClientDependencies,
  type Operation,
  type Secret,
  type VendorClient,
  type WithoutClose,
} from '../../kit/index.ts';

/** A short-lived token of one user. */
export interface ${type}Token {
  readonly token: Secret;
  /** Seconds until it expires, counted from receipt. */
  readonly expiresInSeconds: number;
}

/** A client of ${title}'s API. */
export interface ${type}Client extends VendorClient {
  /** Issues a token for a user (\`POST /v1/tokens\`). Rejects with \`vendor_user_not_found\` if there is no such user. */
  readonly createToken: (userId: string, options?: CallOptions) => Promise<${type}Token>;
}

const tokenResponseSchema = z.object({ user_id: z.string(), token: tokenSchema, expires_in: z.int().positive() });

const noUser = { code: 'vendor_user_not_found', detail: '${title} has no such user.' } as const;

/** ${title}: issues short-lived tokens bound to a user. */
export const ${name} = defineVendor({
  id: '${id}',
  title: '${title}',
  credentials: { apiKey: secretCredential('The API key of the ${title} dashboard.') },
  options: {
    baseUrl: baseUrlSchema.prefault('https://api.${id}.example').describe("The base URL of ${title}'s API."),
    expirySeconds: z.int().min(60).max(3_600).default(600).describe('The lifetime of a token, in seconds.'),
  },
  connect({ vendor, options, credentials: { apiKey }, openDoor }): WithoutClose<${type}Client> {
    const door = openDoor(options.baseUrl);
    async function requestToken(operation: Operation, key: Secret, userId: string): Promise<${type}Token> {
      const response = await operation.send({
        method: 'POST',
        path: '/v1/tokens',
        headers: { authorization: \`Bearer \${key.reveal()}\` },
        json: { user_id: userId, expires_in: options.expirySeconds },
        meanings: { 404: noUser },
        // A second token does no harm, so a call that failed temporarily may be sent again.
        repeatable: true,
      });
      const { user_id, token, expires_in: expiresInSeconds } = readJson(response, tokenResponseSchema);
      if (user_id !== userId) throw invalidResponseError(vendor, 'other_user');
      return { token, expiresInSeconds };
    }
    return {
      createToken(userId, callOptions) {
        const operation = door.begin(callOptions);
        return apiKey.use((key) => requestToken(operation, key, userId));
      },
      verify(callOptions) {
        const operation = door.begin(callOptions);
        const userId = 'unknown-valetkey-verify';
        return verifyCredentials({
          vendor,
          credential: 'apiKey',
          call: () => apiKey.use((key) => requestToken(operation, key, userId)),
          callWithWrongKey: (wrongKey) => requestToken(operation, wrongKey, userId),
          advice: 'Check \`baseUrl\`.',
        });
      },
    };
  },
  abilities: (client) => ({
    issue: issueForUser({
      plainTextField: 'token',
      exchange: bearerToken('token'),
      async issue({ vendorUserId, signal }) {
        const { token, expiresInSeconds } = await client.createToken(vendorUserId, { signal });
        return { fields: { token }, expiresInSeconds };
      },
    }),
  }),
});

export type ${type}Options = z.input<typeof ${name}.options>;

/**
 * Creates a client of ${title}'s API. Throws a \`TypeError\` that names each wrong option.
 *
 * @example
 * \`\`\`ts
 * import { create${type}Client } from '@valetkey/vendor-clients';
 *
 * const ${name} = create${type}Client({ apiKey: process.env.API_KEY ?? '' });
 * const { token, expiresInSeconds } = await ${name}.createToken('user-id');
 * \`\`\`
 */
export function create${type}Client(options: ${type}Options, dependencies?: ClientDependencies): ${type}Client {
  return ${name}.createClient(options, dependencies);
}
`;
}

function renderClientTest({ id, title }: NewVendor): string {
  const [name, type] = [toIdentifier(id), toTypeName(id)];
  return `import { expect, test } from 'vitest';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { create${type}Client, ${name} } from './${id}.ts';

const apiKey = 'sandbox-only-${id}-key';
const token = { user_id: 'user-1', token: 'token-1', expires_in: 600 };

test('createToken of ${title} sends the documented call and returns the token with its lifetime', async () => {
  await using server = await startVendorServer({ json: token });
  const client = create${type}Client({ apiKey, baseUrl: server.url });
  const issued = await client.createToken('user-1');
  expect(issued.token.reveal()).toBe('token-1');
  expect(issued.expiresInSeconds).toBe(600);
  expect(server.calls).toMatchObject([
    { method: 'POST', path: '/v1/tokens', headers: { authorization: \`Bearer \${apiKey}\` } },
  ]);
  expect(JSON.parse(server.calls[0]?.body ?? '')).toEqual({ user_id: 'user-1', expires_in: 600 });
});

test('createToken of ${title} rejects a token of another user', async () => {
  await using server = await startVendorServer({ json: { ...token, user_id: 'user-2' } });
  const client = create${type}Client({ apiKey, baseUrl: server.url });
  await expect(client.createToken('user-1')).rejects.toMatchObject({ code: 'vendor_response_invalid', vendor: '${id}' });
});

test.each([
  [401, 'vendor_auth_failed'],
  [404, 'vendor_user_not_found'],
  [422, 'vendor_rejected'],
] as const)('createToken of ${title} rejects status %i with %s', async (status, code) => {
  await using server = await startVendorServer({ status });
  const client = create${type}Client({ apiKey, baseUrl: server.url });
  await expect(client.createToken('user-1')).rejects.toMatchObject({ code, vendor: '${id}' });
});

test('${title} refuses options with a wrong value by the name of the field', () => {
  const { error } = ${name}.options.safeParse({ apiKey, expirySeconds: 1 });
  expect(error?.issues[0]?.path).toEqual(['expirySeconds']);
});
`;
}

function renderSimulation({ id, title }: NewVendor): string {
  const name = toIdentifier(id);
  return `import { sandboxMarker } from '@valetkey/core-types';
import { bearerToken, jsonResponse, parseJsonObject, type Call, type SimulatedResponse } from '../../engine/responses.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';
import { defineSimulation } from '../../engine/simulation.ts';

/** Simulates ${title}'s tokens. Every user exists, except those whose id starts with \`unknown\`. */
export const ${name} = defineSimulation({
  id: '${id}',
  title: '${title}',
  credentials: { apiKey: \`\${sandboxMarker}-${id}-api-key\` },
  services: { '${id}': { title: '${title}', sample: 'POST /v1/tokens', simulates: 'short-lived tokens of a user' } },
  signingKeys: { '${id}': ['ES256'] },
  dev: ({ urls, credentials, issuer }) => ({
    baseUrl: urls.${name},
    apiKey: credentials.apiKey,
    user: { claim: 'sub', issuer },
  }),

  simulate({ clock, keys, credentials }) {
    async function issueToken(call: Call): Promise<SimulatedResponse> {
      if (bearerToken(call) !== credentials.apiKey) return failure(401);
      const { user_id: userId, expires_in: lifetimeSeconds } = parseJsonObject(call.body) ?? {};
      if (typeof userId !== 'string' || typeof lifetimeSeconds !== 'number') return failure(422);
      if (userId.startsWith('unknown')) return failure(404);
      const sub = call.wrongUser ? 'wrong-user' : userId;
      const iat = nowSeconds(clock);
      const claims = { sub, iat, exp: iat + lifetimeSeconds };
      const token = await keys${name === id ? `.${id}` : `['${id}']`}.sign(claims, { flaw: call.tokenFlaw });
      return jsonResponse(200, { user_id: sub, token, expires_in: lifetimeSeconds });
    }

    return { services: { '${id}': { failure, routes: { 'POST /v1/tokens': issueToken } } } };
  },
});

function failure(status: number): SimulatedResponse {
  return jsonResponse(status, { error: status });
}
`;
}

function renderSimulationTest({ id, title }: NewVendor): string {
  const name = toIdentifier(id);
  return `import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../../index.ts';
import { postJson, textField } from '../../testing/request.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

function issueToken(body: object, apiKey: string = sandbox.credentials${name === id ? `.${id}` : `['${id}']`}.apiKey) {
  return postJson(\`\${sandbox.urls.${name}}/v1/tokens\`, body, { authorization: \`Bearer \${apiKey}\` });
}

test('${title} issues a token of the user with the requested lifetime', async () => {
  const response = await issueToken({ user_id: 'alice', expires_in: 600 });
  expect([response.status, response.fields['user_id'], response.fields['expires_in']]).toEqual([200, 'alice', 600]);
  const { sub, iat = 0, exp } = decodeJwt(textField(response, 'token'));
  expect([sub, exp]).toEqual(['alice', iat + 600]);
});

test.each([
  ['a wrong API key', { user_id: 'alice', expires_in: 600 }, 'wrong', 401],
  ['an unknown user', { user_id: 'unknown-1', expires_in: 600 }, undefined, 404],
  ['a body without a lifetime', { user_id: 'alice' }, undefined, 422],
])('${title} refuses %s', async (_case, body, apiKey, status) => {
  expect((await issueToken(body, apiKey)).status).toBe(status);
});
`;
}

function renderPage({ id, title }: NewVendor): string {
  return `# ${title}

| what the app gets                | what the broker keeps |
| -------------------------------- | --------------------- |
| a short-lived token of the user  | nothing               |

The broker requests a token for the user and returns it to the app.

## Set up

1. Create an API key in ${title}'s dashboard.
2. Choose how the broker finds the id of a user at ${title}: from a claim of the user's token, or from its mapping.

\`\`\`yaml
vendors:
  ${id}:
    apiKey: \${env:${id.replaceAll('-', '_').toUpperCase()}_API_KEY}
    user: { claim: sub }
\`\`\`

The options are in the [reference](../configuration.md#reference).

## What the app receives

\`POST /v1/vendors/${id}/token\` responds with \`token\` and the common envelope.

## Sources

| statement                     | source                                          |
| ----------------------------- | ----------------------------------------------- |
| the token call and its fields | a guess of \`create:vendor\`: replace this row    |
`;
}

function renderChangeset({ title }: NewVendor): string {
  return `---
'@valetkey/vendor-clients': minor
'@valetkey/sandbox': minor
---

Add ${title}: the broker issues its short-lived tokens, and the sandbox simulates it.
`;
}
