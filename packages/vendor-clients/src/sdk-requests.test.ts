// The clients of this package, the vendors' own SDKs and an OpenID client call one recording server. The requests of this
// package must be equal to those of the others.
import { createRequire } from 'node:module';
import type { WebContainer } from '@authgear/web';
import { JunctionClient } from '@junction-api/sdk';
import { Secret } from '@valetkey/core-types';
import { VitalClient as TryVitalClient } from '@tryvital/vital-node';
import { allowInsecureRequests, ClientSecretPost, clientCredentialsGrant, Configuration } from 'openid-client';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createAuthgearClient, createNymblClient, createVitalClient, type VitalClient } from './index.ts';
import { startVendorServer, type RecordedCall, type VendorServer } from './testing/vendor-server.ts';

const apiKey = 'sk_us_sandbox-only';
const userId = 'e209947b-323e-4108-8e18-1518b80da0bd';
const user = {
  user_id: userId,
  team_id: '6b8ecb4d-6ac4-4a6a-bdd9-f1c0b1d1b1a1',
  client_user_id: 'alice smith/1',
  created_on: '2026-01-01T00:00:00+00:00',
  connected_sources: [],
  fallback_time_zone: null,
};
const token = { user_id: userId, sign_in_token: 'XYZ==' };

let server: VendorServer;
beforeAll(async () => {
  server = await startVendorServer({});
});
beforeEach(() => {
  server.calls.length = 0;
});
afterAll(() => server[Symbol.asyncDispose]());

/** Headers in which programs may differ: their name, what they accept and how they transfer bytes. */
const senderHeaders =
  /^(host|connection|content-length|transfer-encoding|user-agent|accept|accept-encoding|accept-language|priority|sec-.*|x-fern-.*|.*sdk.*)$/;

/** Returns the parts of a request that must be equal. */
function comparedParts({ method, path, headers, body }: RecordedCall | undefined = {} as RecordedCall): unknown {
  const [contentType = ''] = headers['content-type']?.toString().split(';') ?? [];
  const isForm = contentType === 'application/x-www-form-urlencoded';
  const compared = Object.entries(headers).filter(([name]) => !senderHeaders.test(name));
  return {
    method,
    path,
    headers: { ...Object.fromEntries(compared), ...(contentType && { 'content-type': contentType }) },
    body: contentType === 'application/json' ? (JSON.parse(body) as unknown) : isForm ? formFields(body) : body,
  };
}

function formFields(body: string): [string, string][] {
  return [...new URLSearchParams(body)].toSorted();
}

const clientUserId = user.client_user_id;
const vitalCalls: readonly [
  string,
  object,
  (client: VitalClient) => Promise<unknown>,
  (client: JunctionClient) => Promise<unknown>,
  (client: TryVitalClient) => Promise<unknown>,
][] = [
  [
    'create a user',
    user,
    (ours) => ours.ensureUser(clientUserId),
    (sdk) => sdk.user.create({ clientUserId }),
    (sdk) => sdk.user.create({ clientUserId }),
  ],
  [
    'resolve a user',
    user,
    (ours) => ours.resolveUser(clientUserId),
    (sdk) => sdk.user.getByClientUserId({ clientUserId }),
    (sdk) => sdk.user.getByClientUserId(clientUserId),
  ],
  [
    'get a user',
    user,
    (ours) => ours.getUser(userId),
    (sdk) => sdk.user.get({ userId }),
    (sdk) => sdk.user.get(userId),
  ],
  [
    'create a sign-in token',
    token,
    (ours) => ours.createSignInToken(userId),
    (sdk) => sdk.user.getUserSignInToken({ userId }),
    (sdk) => sdk.user.getUserSignInToken(userId),
  ],
  [
    'delete a user',
    { success: true },
    (ours) => ours.deleteUser(userId),
    (sdk) => sdk.user.delete({ userId }),
    (sdk) => sdk.user.delete(userId),
  ],
  [
    'undo the deletion of a user',
    { success: true },
    (ours) => ours.undoDeleteUser(userId),
    (sdk) => sdk.user.undoDelete({ userId }),
    (sdk) => sdk.user.undoDelete({ userId }),
  ],
];

test.each(vitalCalls)(
  'Vital receives the request of its own SDKs to %s',
  async (_name, json, ours, junction, tryVital) => {
    server.respond({ json });
    const baseUrl = server.url;
    await ours(createVitalClient({ apiKey, environment: 'sandbox', region: 'us', baseUrl }));
    await junction(new JunctionClient({ apiKey, baseUrl, maxRetries: 0 }));
    await tryVital(new TryVitalClient({ apiKey, environment: baseUrl }));
    expect(server.calls).toHaveLength(3);
    const [mine, current, legacy] = server.calls.map(comparedParts);
    expect(mine).toEqual(current);
    expect(mine).toEqual(legacy);
  },
);

test('Nymbl receives the grant request of an OpenID client', async () => {
  server.respond({ json: { access_token: 'a', token_type: 'Bearer', expires_in: 300 } });
  const tokenUrl = `${server.url}/oauth2/token`;
  const clientSecret = 'secret-sandbox-only';
  const ours = createNymblClient({
    clientId: 'client',
    clientSecret,
    apiKey: 'key-sandbox-only',
    tokenUrl,
    customer: { value: 'acme-corp' },
  });
  const scope = 'nymbl-customer-api/acme-corp';
  await ours.requestAccessToken(scope);
  const metadata = { issuer: server.url, token_endpoint: tokenUrl };
  const configuration = new Configuration(metadata, 'client', clientSecret, ClientSecretPost(clientSecret));
  allowInsecureRequests(configuration);
  await clientCredentialsGrant(configuration, { scope });
  const [mine, theirs] = server.calls.map(comparedParts);
  expect(mine).toEqual(theirs);
});

test("Authgear receives its own SDK's requests for userinfo and revocation", async () => {
  const endpoint = server.url;
  server.respond({
    choose: ({ path }) => {
      if (path === '/oauth2/token') return { access_token: 'access', token_type: 'Bearer', expires_in: 1_800 };
      if (path === '/oauth2/userinfo') return { sub: 'alice' };
      return {
        issuer: endpoint,
        token_endpoint: `${endpoint}/oauth2/token`,
        userinfo_endpoint: `${endpoint}/oauth2/userinfo`,
        revocation_endpoint: `${endpoint}/oauth2/revoke`,
        end_session_endpoint: `${endpoint}/oauth2/end_session`,
      };
    },
  });
  const ours = createAuthgearClient({ endpoint });
  await ours.userInfo(new Secret('access'));
  await ours.revoke(new Secret('grant.refresh'));

  const storage = new Map([['authgear_default_refreshToken', 'grant.refresh']]);
  const localStorage = {
    getItem: (key: string) => storage.get(key) ?? null,
    setItem: (key: string, value: string) => storage.set(key, value),
    removeItem: (key: string) => storage.delete(key),
  };
  vi.stubGlobal('window', { fetch, crypto, location: { href: 'http://localhost/app' }, localStorage });
  // The SDK's ES module form needs a bundler; its CommonJS form runs as it is.
  const authgear: { WebContainer: new () => WebContainer } = createRequire(import.meta.url)('@authgear/web');
  const sdk = new authgear.WebContainer();
  await sdk.configure({ clientID: 'client', endpoint });
  await sdk.refreshAccessTokenIfNeeded();
  await sdk.fetchUserInfo();
  await sdk.logout({ redirectURI: 'http://localhost/signed-out', force: false });
  vi.unstubAllGlobals();

  for (const path of ['/oauth2/userinfo', '/oauth2/revoke']) {
    const [mine, theirs, ...more] = server.calls.filter((call) => call.path === path).map(comparedParts);
    expect(theirs).toBeDefined();
    expect(mine).toEqual(theirs);
    expect(more).toEqual([]);
  }
});
