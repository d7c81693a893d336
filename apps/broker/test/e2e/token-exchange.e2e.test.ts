import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { ExternalAccountClient } from 'google-auth-library';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findFreePort } from '../support/free-port.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

let sandbox: Sandbox;
let broker: RecordingBroker;
let alice: string;
let publicUrl: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  const port = await findFreePort();
  publicUrl = `http://127.0.0.1:${port}`;
  const config = createConfigFor(sandbox);
  broker = await startRecordingBroker({
    ...config,
    publicUrl,
    listen: { port },
    callerLimits: { requestsPerMinute: 1_000 },
    vendors: { ...config.vendors, nudge: { ...config.vendors.nudge, requiredScopes: ['nudges'] } },
  });
  alice = await sandbox.mintUserToken({ sub: 'alice', scope: 'nudges' });
});
beforeEach(() => sandbox.setFaults([]));
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

const exchange = (form: Record<string, string> | string, headers: Record<string, string> = {}) =>
  fetch(`${publicUrl}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form), headers });
const formFor = (audience: string, subjectToken = alice) => ({
  grant_type: grantType,
  subject_token: subjectToken,
  subject_token_type: accessTokenType,
  audience,
});

const without = (form: Record<string, string>, absent: string) =>
  Object.fromEntries(Object.entries(form).filter(([name]) => name !== absent));

const exchangeAt = (other: RecordingBroker, form: Record<string, string>) =>
  other.call('/oauth2/token', undefined, { method: 'POST', body: new URLSearchParams(form) });

describe('POST /oauth2/token', () => {
  test.each([
    ['nabla', accessTokenType, 'Bearer', { vendor_user_id: 'alice', refresh_token: expect.any(String) as unknown }],
    ['nudge', accessTokenType, 'Bearer', { expires_in: 3_600 }],
    ['vital', 'urn:junction:sign-in-token', 'N_A', { environment: 'sandbox', region: 'us' }],
  ])(
    'a token exchange for %s returns the fields of an issue, and is audited as an issue',
    async (connection, type, tokenType, fields) => {
      const response = await exchange({ ...formFor(connection), requested_token_type: type });
      const issued = (await broker.issue(connection, alice)).json() as Promise<Record<string, unknown>>;
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
      const body = (await response.json()) as Record<string, unknown>;
      expect(body).toMatchObject({ ...fields, issued_token_type: type, token_type: tokenType, vendor: connection });
      expect(body['access_token']).toEqual(expect.stringMatching(/^[\w.=+/-]{40,}$/));
      const oauthFields = ['access_token', 'issued_token_type', 'token_type'];
      expect(Object.keys(body).toSorted()).toEqual(
        [...new Set([...Object.keys(await issued), ...oauthFields])].toSorted(),
      );
      expect(JSON.parse((await broker.readRecords()).audit)).toMatchObject({
        decisions: expect.arrayContaining([
          expect.objectContaining({ operation: 'issue', vendor: connection, subject: 'alice', outcome: 'allowed' }),
        ]) as unknown,
      });
    },
  );

  test('a token exchange ignores client credentials and the requested scope, and returns an empty scope', async () => {
    const form = { ...formFor('nudge'), client_id: 'app', client_secret: 'sandbox-only', scope: 'x', actor_token: '' };
    const response = await exchange(form, { authorization: 'Basic YTpi' });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ scope: '' });
  });

  test('a token exchange counts against the request limit of its subject', async () => {
    const clock = createVirtualClock();
    await using timedSandbox = await createSandbox({ clock });
    const config = { ...createConfigFor(timedSandbox), callerLimits: { requestsPerMinute: 1 } };
    await using other = await startRecordingBroker(config, { clock });
    const form = formFor('nudge', await timedSandbox.mintUserToken({ sub: 'alice' }));
    expect((await exchangeAt(other, form)).status).toBe(200);
    const limited = await exchangeAt(other, form);
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '60']);
    expect(await limited.json()).toMatchObject({ error: 'temporarily_unavailable', code: 'rate_limited' });
  });

  test.each<[string, (form: Record<string, string>) => Record<string, string> | string, number, string]>([
    ['another grant type', (form) => ({ ...form, grant_type: 'client_credentials' }), 400, 'unsupported_grant_type'],
    ['no grant type', (form) => without(form, 'grant_type'), 400, 'invalid_request'],
    ['no subject token', (form) => without(form, 'subject_token'), 400, 'invalid_request'],
    ['a malformed subject token', (form) => ({ ...form, subject_token: 'a.b.c' }), 400, 'invalid_request'],
    ['no subject token type', (form) => without(form, 'subject_token_type'), 400, 'invalid_request'],
    [
      'a SAML assertion',
      (form) => ({ ...form, subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }),
      400,
      'invalid_request',
    ],
    ['an unknown requested token type', (form) => ({ ...form, requested_token_type: 'urn:x' }), 400, 'invalid_request'],
    [
      'an actor token',
      (form) => ({ ...form, actor_token: alice, actor_token_type: accessTokenType }),
      400,
      'invalid_request',
    ],
    ['a resource', (form) => ({ ...form, resource: 'https://api.nabla.com' }), 400, 'invalid_target'],
    ['no audience', (form) => without(form, 'audience'), 400, 'invalid_request'],
    ['two subject tokens', (form) => `${new URLSearchParams(form)}&subject_token=x`, 400, 'invalid_request'],
    ['two audiences', (form) => `${new URLSearchParams(form)}&audience=nabla`, 400, 'invalid_target'],
    ['an audience of 5,000 characters', (form) => ({ ...form, audience: 'x'.repeat(5_000) }), 400, 'invalid_target'],
    ['an unknown audience', (form) => ({ ...form, audience: 'nowhere' }), 400, 'invalid_target'],
    ['a connection that issues no token', (form) => ({ ...form, audience: 'nymbl' }), 400, 'invalid_target'],
    ['an empty form', () => '', 400, 'invalid_request'],
  ])('responds with an OAuth error to a token exchange with %s', async (_name, change, status, error) => {
    const response = await exchange(change(formFor('nudge')));
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('www-authenticate')).toBeNull();
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      error,
      error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/) as unknown,
    });
    expect(text).not.toContain(alice);
  });

  test('refuses a token exchange whose subject may not use the connection', async () => {
    const withoutScope = await sandbox.mintUserToken({ sub: 'mallory' });
    const response = await exchange(formFor('nudge', withoutScope));
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: 'invalid_target', code: 'forbidden' },
    ]);
  });

  test.each([
    [
      'a JSON body',
      { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' },
      400,
      'invalid_request',
    ],
    [
      'a body of 20 kB',
      { method: 'POST', body: new URLSearchParams({ a: 'x'.repeat(20_000) }) },
      413,
      'invalid_request',
    ],
    ['the method GET', {}, 405, 'invalid_request'],
  ])(
    'responds with the OAuth error invalid_request to %s at /oauth2/token',
    async (_name, init: RequestInit, status, error) => {
      const response = await fetch(`${publicUrl}/oauth2/token`, init);
      expect([response.status, await response.json()]).toMatchObject([status, { error }]);
    },
  );

  test('responds 502 to a token exchange when the vendor refuses the broker’s key, and 503 while the vendor limits the broker’s calls', async () => {
    await using other = await startRecordingBroker(createConfigFor(sandbox));
    sandbox.setFaults([{ vendor: 'nudge', fault: { type: 'status', status: 401 } }]);
    const refused = await exchangeAt(other, formFor('nudge'));
    expect([refused.status, await refused.json()]).toMatchObject([502, { error: 'server_error' }]);
    sandbox.setFaults([
      { vendor: 'nudge', fault: { type: 'rate-limit', retryAfter: { form: 'seconds', seconds: 7 } } },
    ]);
    const limited = await exchangeAt(other, formFor('nudge'));
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([503, '7']);
    expect(await limited.json()).toMatchObject({ error: 'temporarily_unavailable', code: 'vendor_rate_limited' });
  });
});

describe('OAuth libraries', () => {
  test('openid-client discovers the broker and exchanges a token', async () => {
    const execute = [openid.allowInsecureRequests];
    const options = { algorithm: 'oauth2', execute } as const;
    const client = await openid.discovery(new URL(publicUrl), 'app', undefined, openid.None(), options);
    const parameters = without(formFor('nabla'), 'grant_type');
    const response = await openid.genericGrantRequest(client, grantType, parameters);
    expect(response).toMatchObject({ token_type: 'bearer', vendor: 'nabla' });
    await expect(
      openid.genericGrantRequest(client, grantType, { ...parameters, audience: 'nowhere' }),
    ).rejects.toMatchObject({ error: 'invalid_target', status: 400 });
  });

  test('oauth4webapi reads the metadata at the URL in a 401, and exchanges a token', async () => {
    const insecure = { [oauth.allowInsecureRequests]: true };
    const refused = await broker.call('/v1/session');
    const [, metadata = ''] = /resource_metadata="([^"]+)"/.exec(refused.headers.get('www-authenticate') ?? '') ?? [];
    const resource = await oauth.processResourceDiscoveryResponse(new URL(publicUrl), await fetch(metadata));
    expect(resource).toMatchObject({
      authorization_servers: expect.arrayContaining([sandbox.urls.idp]) as unknown,
      scopes_supported: ['nudges'],
    });
    const issuer = new URL(publicUrl);
    const discovered = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' });
    const server = await oauth.processDiscoveryResponse(issuer, discovered);
    const client = { client_id: 'app' };
    const parameters = without(formFor('nudge'), 'grant_type');
    const response = await oauth.genericTokenEndpointRequest(
      server,
      client,
      oauth.None(),
      grantType,
      parameters,
      insecure,
    );
    const issued = await oauth.processGenericTokenEndpointResponse(server, client, response);
    expect(issued).toMatchObject({ expires_in: 3_600, issued_token_type: accessTokenType });
  });

  test('google-auth-library exchanges a token as a workload identity', async () => {
    const client = ExternalAccountClient.fromJSON({
      type: 'external_account',
      audience: 'nudge',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${publicUrl}/oauth2/token`,
      subject_token_supplier: { getSubjectToken: async () => alice },
    });
    const { token } = (await client?.getAccessToken()) ?? {};
    expect(token).toMatch(/^eyJ/);
  });
});

test('a broker without `publicUrl` serves no metadata, and its challenges contain no URL of metadata', async () => {
  await using withoutPublicUrl = await startRecordingBroker(createConfigFor(sandbox));
  expect((await withoutPublicUrl.call('/.well-known/oauth-authorization-server')).status).toBe(404);
  expect((await withoutPublicUrl.call('/.well-known/oauth-protected-resource')).status).toBe(404);
  expect((await withoutPublicUrl.call('/v1/session')).headers.get('www-authenticate')).toBe('Bearer');
});
