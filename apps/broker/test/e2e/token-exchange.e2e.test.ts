import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { ExternalAccountClient } from 'google-auth-library';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { configureFor, startWatchedBroker, type WatchedBroker } from '../support/watched-broker.ts';

const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

let sandbox: Sandbox;
let broker: WatchedBroker;
let alice: string;
let publicUrl: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  const port = await freePort();
  publicUrl = `http://127.0.0.1:${port}`;
  const config = configureFor(sandbox);
  broker = await startWatchedBroker({
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
  grant_type: grant,
  subject_token: subjectToken,
  subject_token_type: accessTokenType,
  audience,
});

const without = (form: Record<string, string>, left: string) =>
  Object.fromEntries(Object.entries(form).filter(([name]) => name !== left));

describe('a token exchange', () => {
  test.each([
    ['nabla', accessTokenType, 'Bearer', { vendor_user_id: 'alice', refresh_token: expect.any(String) as unknown }],
    ['nudge', accessTokenType, 'Bearer', { expires_in: 3_600 }],
    ['vital', 'urn:junction:sign-in-token', 'N_A', { environment: 'sandbox', region: 'us' }],
  ])('gives the token of %s, and is audited as an issue', async (vendor, type, tokenType, rest) => {
    const answer = await exchange({ ...formFor(vendor), requested_token_type: type });
    const issued = (await broker.issue(vendor, alice)).json() as Promise<Record<string, unknown>>;
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
    const body = (await answer.json()) as Record<string, unknown>;
    expect(body).toMatchObject({ ...rest, issued_token_type: type, token_type: tokenType, vendor });
    expect(body['access_token']).toEqual(expect.stringMatching(/^[\w.=+/-]{40,}$/));
    const added = ['access_token', 'issued_token_type', 'token_type'];
    expect(Object.keys(body).toSorted()).toEqual([...new Set([...Object.keys(await issued), ...added])].toSorted());
    expect(JSON.parse((await broker.readTraces()).audit)).toMatchObject({
      decisions: expect.arrayContaining([
        expect.objectContaining({ operation: 'issue', vendor, subject: 'alice', outcome: 'allowed' }),
      ]) as unknown,
    });
  });

  test('passes over what means nothing here, the credentials of a client among them', async () => {
    const form = { ...formFor('nudge'), client_id: 'app', client_secret: 'sandbox-only', scope: 'x', actor_token: '' };
    const answer = await exchange(form, { authorization: 'Basic YTpi' });
    expect(answer.status).toBe(200);
    // None of the scopes that were asked for.
    expect(await answer.json()).toMatchObject({ scope: '' });
  });

  test('counts among the requests of its subject', async () => {
    await using other = await startWatchedBroker({
      ...configureFor(sandbox),
      callerLimits: { requestsPerMinute: 1 },
    });
    const ask = () =>
      other.call('/oauth2/token', undefined, { method: 'POST', body: new URLSearchParams(formFor('nudge')) });
    expect((await ask()).status).toBe(200);
    const limited = await ask();
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '60']);
    expect(await limited.json()).toMatchObject({ error: 'temporarily_unavailable', code: 'rate_limited' });
  });

  test.each<[string, (form: Record<string, string>) => Record<string, string> | string, number, string]>([
    ['another grant', (form) => ({ ...form, grant_type: 'client_credentials' }), 400, 'unsupported_grant_type'],
    ['no grant', (form) => without(form, 'grant_type'), 400, 'invalid_request'],
    ['no subject token', (form) => without(form, 'subject_token'), 400, 'invalid_request'],
    ['a token of nobody', (form) => ({ ...form, subject_token: 'a.b.c' }), 400, 'invalid_request'],
    ['no type of it', (form) => without(form, 'subject_token_type'), 400, 'invalid_request'],
    [
      'a SAML assertion',
      (form) => ({ ...form, subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }),
      400,
      'invalid_request',
    ],
    ['another type than there is', (form) => ({ ...form, requested_token_type: 'urn:x' }), 400, 'invalid_request'],
    [
      'an actor',
      (form) => ({ ...form, actor_token: alice, actor_token_type: accessTokenType }),
      400,
      'invalid_request',
    ],
    ['a resource', (form) => ({ ...form, resource: 'https://api.nabla.com' }), 400, 'invalid_target'],
    ['no audience', (form) => without(form, 'audience'), 400, 'invalid_request'],
    ['two subject tokens', (form) => `${new URLSearchParams(form)}&subject_token=x`, 400, 'invalid_request'],
    ['two audiences', (form) => `${new URLSearchParams(form)}&audience=nabla`, 400, 'invalid_target'],
    ['a book for an audience', (form) => ({ ...form, audience: 'x'.repeat(5_000) }), 400, 'invalid_target'],
    ['an unknown audience', (form) => ({ ...form, audience: 'nowhere' }), 400, 'invalid_target'],
    ['a vendor that issues nothing', (form) => ({ ...form, audience: 'nymbl' }), 400, 'invalid_target'],
    ['an empty form', () => '', 400, 'invalid_request'],
  ])('with %s is refused in the words of OAuth', async (_name, change, status, error) => {
    const answer = await exchange(change(formFor('nudge')));
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('www-authenticate')).toBeNull();
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({
      error,
      error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/) as unknown,
    });
    expect(text).not.toContain(alice);
  });

  test('does not give what the subject may not have', async () => {
    const stranger = await sandbox.mintUserToken({ sub: 'mallory' });
    const answer = await exchange(formFor('nudge', stranger));
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_target', code: 'forbidden' }]);
  });

  test.each([
    ['JSON', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }, 415, 'invalid_request'],
    ['too much', { method: 'POST', body: new URLSearchParams({ a: 'x'.repeat(20_000) }) }, 413, 'invalid_request'],
    ['nothing, by GET', {}, 405, 'invalid_request'],
  ])('of %s is refused', async (_name, init: RequestInit, status, error) => {
    const answer = await fetch(`${publicUrl}/oauth2/token`, init);
    expect([answer.status, await answer.json()]).toMatchObject([status === 415 ? 400 : status, { error }]);
  });

  test('tells a vendor’s trouble from the caller’s', async () => {
    await using other = await startWatchedBroker(configureFor(sandbox));
    const ask = () =>
      other.call('/oauth2/token', undefined, { method: 'POST', body: new URLSearchParams(formFor('nudge')) });
    sandbox.setFaults([{ vendor: 'nudge', fault: { type: 'status', status: 401 } }]);
    const refused = await ask();
    expect([refused.status, await refused.json()]).toMatchObject([502, { error: 'server_error' }]);
    sandbox.setFaults([
      { vendor: 'nudge', fault: { type: 'rate-limit', retryAfter: { form: 'seconds', seconds: 7 } } },
    ]);
    const busy = await ask();
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([503, '7']);
    expect(await busy.json()).toMatchObject({ error: 'temporarily_unavailable', code: 'vendor_rate_limited' });
  });
});

describe('programs we did not write', () => {
  test('openid-client discovers the broker and exchanges', async () => {
    const execute = [openid.allowInsecureRequests];
    const options = { algorithm: 'oauth2', execute } as const;
    const client = await openid.discovery(new URL(publicUrl), 'app', undefined, openid.None(), options);
    const parameters = without(formFor('nabla'), 'grant_type');
    const answer = await openid.genericGrantRequest(client, grant, parameters);
    expect(answer).toMatchObject({ token_type: 'bearer', vendor: 'nabla' });
    await expect(
      openid.genericGrantRequest(client, grant, { ...parameters, audience: 'nowhere' }),
    ).rejects.toMatchObject({ error: 'invalid_target', status: 400 });
  });

  test('oauth4webapi reads the metadata that a refused call names, and exchanges', async () => {
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
    const response = await oauth.genericTokenEndpointRequest(server, client, oauth.None(), grant, parameters, insecure);
    const answer = await oauth.processGenericTokenEndpointResponse(server, client, response);
    expect(answer).toMatchObject({ expires_in: 3_600, issued_token_type: accessTokenType });
  });

  test('google-auth-library’s workload identity exchanges', async () => {
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

test('without a public URL there is no metadata, and challenges are bare', async () => {
  await using plain = await startWatchedBroker(configureFor(sandbox));
  expect((await plain.call('/.well-known/oauth-authorization-server')).status).toBe(404);
  expect((await plain.call('/v1/session')).headers.get('www-authenticate')).toBe('Bearer');
});
