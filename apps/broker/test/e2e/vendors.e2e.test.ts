import { issueResponseSchema, problemSchema, sessionResponseSchema } from '@valetkey/core-types';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readJson, startDevBroker, type DevBroker } from '../support/dev-broker.ts';

let dev: DevBroker;
let alice: string;
beforeAll(async () => {
  dev = await startDevBroker();
  alice = await dev.mintToken({ sub: 'alice' });
});
afterAll(() => dev.close());
beforeEach(async () => {
  await dev.callSandbox('DELETE', '/_calls');
  await dev.callSandbox('PUT', '/_faults', { faults: [] });
});

describe('Nabla', () => {
  test('calls Nabla for every issue request, and returns new tokens of the patient', async () => {
    const first = await readJson(await dev.issue('nabla', alice));
    const second = await readJson(await dev.issue('nabla', alice));

    expect(issueResponseSchema.parse(first)).toMatchObject({
      vendor: 'nabla',
      vendor_user_id: 'alice',
      expires_in: 300,
      refresh_after: 240,
    });
    expect(first['access_token']).toEqual(expect.any(String));
    expect(first['refresh_token']).toEqual(expect.any(String));
    expect(second['access_token']).not.toBe(first['access_token']);
    expect(await dev.countCalls('nabla')).toEqual({ 'GET /v1/server/jwt/patient/authenticate/{user_id}': 2 });
  });

  test('responds vendor_user_not_found for a patient that Nabla does not know', async () => {
    const response = await dev.issue('nabla', await dev.mintToken({ sub: 'unknown-patient' }));
    expect(response.status).toBe(404);
    expect(problemSchema.parse(await response.json())).toMatchObject({
      code: 'vendor_user_not_found',
      vendor: 'nabla',
    });
  });

  test('issues no Nabla token for the same subject of another identity provider', async () => {
    const response = await dev.issue('nabla', await dev.mintAuthgearToken({ sub: 'alice' }));
    expect(await readJson(response)).toMatchObject({ status: 404, code: 'vendor_user_not_found' });
    expect(await dev.countCalls('nabla')).toEqual({});
  });
});

describe('Nudge', () => {
  test('returns Nudge’s account-bound token as JSON, or as bare text to a caller that accepts text/plain', async () => {
    const issued = await readJson(await dev.issue('nudge', alice));
    expect(issued).toMatchObject({ vendor: 'nudge', expires_in: 3600, token: expect.any(String) });
    expect(issued).not.toHaveProperty('vendor_user_id');

    const text = await dev.issue('nudge', alice, { headers: { accept: 'text/plain' } });
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await text.text()).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  test('does not cache Nudge’s account-bound token if the connection configures no cache', async () => {
    await dev.issue('nudge', alice);
    await dev.issue('nudge', alice);
    expect(await dev.countCalls('nudge')).toEqual({ 'GET /api/clients/jwt/token': 2 });
  });

  test('issues a Nudge token with a shorter lifetime if the caller requests it, and refuses an unknown field', async () => {
    const headers = { 'content-type': 'application/json' };
    const short = await dev.issue('nudge', alice, { headers, body: '{"expiry_minutes":5}' });
    expect(await readJson(short)).toMatchObject({ expires_in: 300 });

    const refused = await dev.issue('nudge', alice, { headers, body: '{"user_id":"bob"}' });
    expect(await readJson(refused)).toMatchObject({
      status: 400,
      code: 'invalid_request',
      remediation: expect.stringContaining('user_id'),
    });
  });
});

describe('Nymbl', () => {
  test('fifty concurrent proxied calls request one server token, which no response contains', async () => {
    const responses = await Promise.all(
      Array.from({ length: 50 }, () => dev.call('/v1/vendors/nymbl/proxy/Patients?$top=2', alice)),
    );
    const bodies = await Promise.all(responses.map((response) => response.text()));

    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({ value: expect.any(Array) });
    expect(await dev.countCalls('nymbl-idp')).toEqual({ 'POST /oauth2/token': 1 });
    expect(await dev.countCalls('nymbl')).toMatchObject({ 'GET /Patients': 50 });
    for (const text of [...bodies, ...responses.map(({ headers }) => JSON.stringify([...headers]))]) {
      expect(text).not.toMatch(/eyJ|sandbox-only/);
    }
  });

  test('renews a server token that Nymbl refuses and repeats the call, but only once', async () => {
    await dev.call('/v1/vendors/nymbl/proxy/Patients', alice);
    await dev.callSandbox('DELETE', '/_calls');
    const fault = { type: 'status', status: 401, body: { message: 'The incoming token has expired' } };
    await dev.callSandbox('PUT', '/_faults', { faults: [{ vendor: 'nymbl', fault, count: 1 }] });

    const response = await dev.call('/v1/vendors/nymbl/proxy/Patients', alice);
    expect(response.status).toBe(200);
    expect(await dev.countCalls('nymbl-idp')).toEqual({ 'POST /oauth2/token': 1 });

    await dev.callSandbox('PUT', '/_faults', { faults: [{ vendor: 'nymbl', fault }] });
    const refused = await dev.call('/v1/vendors/nymbl/proxy/Patients', alice);
    expect(await readJson(refused)).toMatchObject({ status: 502, code: 'vendor_auth_failed' });
  });

  test.each([
    ['a method that is not allowed', 'DELETE', '/Patients'],
    ['a path that is not allowed', 'GET', '/Billing'],
    ['a path with dots and an encoded slash', 'GET', '/Patients/..%2fBilling'],
    ['a path with a double slash', 'GET', '//evil.example/Patients'],
  ])('does not forward a proxied call with %s to Nymbl', async (_, method, path) => {
    const response = await dev.call(`/v1/vendors/nymbl/proxy${path}`, alice, { method });
    expect(await readJson(response)).toMatchObject({ status: 403, code: 'forbidden' });
    expect(await dev.countCalls('nymbl')).toEqual({});
  });

  test('responds operation_not_supported to a request for a Nymbl token', async () => {
    expect(await readJson(await dev.issue('nymbl', alice))).toMatchObject({
      status: 404,
      code: 'operation_not_supported',
    });
  });
});

describe('Authgear', () => {
  test('authenticates a user of Authgear under Authgear’s issuer', async () => {
    const response = await dev.call('/v1/session', await dev.mintAuthgearToken({ sub: 'alice' }));
    const session = sessionResponseSchema.parse(await response.json());
    expect(session).toMatchObject({ issuer: `${dev.sandboxUrl}/authgear`, subject: 'alice' });
    expect(session.vendors['authgear']).toEqual({ vendor: 'authgear', operations: ['authenticate'] });
    expect(session.vendors['nymbl']).toEqual({ vendor: 'nymbl', operations: ['proxy'] });
  });

  test('fetches Authgear’s keys at most once for 20 concurrent requests', async () => {
    const token = await dev.mintAuthgearToken({ sub: 'bob' });
    await Promise.all(Array.from({ length: 20 }, () => dev.call('/v1/session', token)));
    expect((await dev.countCalls('authgear'))['GET /oauth2/jwks'] ?? 0).toBeLessThanOrEqual(1);
  });

  test('/v1/resolve responds 200 to a valid, an invalid and an absent token, each with other headers', async () => {
    const token = await dev.mintAuthgearToken({ sub: 'alice' });
    const absent = await dev.call('/v1/resolve');
    const valid = await dev.call('/v1/resolve', token, { method: 'HEAD' });
    const invalid = await dev.call('/v1/resolve', 'not-a-token');

    expect([absent.status, valid.status, invalid.status]).toEqual([200, 200, 200]);
    expect(absent.headers.get('x-valetkey-session-valid')).toBeNull();
    expect(valid.headers.get('x-valetkey-session-valid')).toBe('true');
    expect(valid.headers.get('x-valetkey-user-id')).toBe('alice');
    expect(valid.headers.get('x-valetkey-issuer')).toBe(`${dev.sandboxUrl}/authgear`);
    expect(invalid.headers.get('x-valetkey-session-valid')).toBe('false');
    expect(invalid.headers.get('x-valetkey-user-id')).toBeNull();
    expect(await absent.text()).toBe('');
  });

  test.each(['Basic YTpi', ''])(
    '/v1/resolve responds 200 to "Authorization: %s" without a session header, because it names no token',
    async (authorization) => {
      const response = await dev.call('/v1/resolve', undefined, { headers: { authorization } });
      expect([response.status, response.headers.get('x-valetkey-session-valid')]).toEqual([200, null]);
      expect(response.headers.get('x-valetkey-user-id')).toBeNull();
    },
  );

  test.each(['Bearer', 'Bearer a b', 'Bearer a.b.c'])(
    '/v1/resolve responds 200 to "Authorization: %s" with the header `session-valid: false`',
    async (authorization) => {
      const response = await dev.call('/v1/resolve', undefined, { headers: { authorization } });
      expect([response.status, response.headers.get('x-valetkey-session-valid')]).toEqual([200, 'false']);
      expect(response.headers.get('x-valetkey-user-id')).toBeNull();
    },
  );
});

describe('Vital', () => {
  test('creates one Vital user for two concurrent devices of one principal, and issues a sign-in token to each', async () => {
    const [first, second] = await Promise.all([1, 2].map(async () => readJson(await dev.issue('vital', alice))));

    expect(issueResponseSchema.parse(first)).toMatchObject({ vendor: 'vital', environment: 'sandbox', region: 'us' });
    expect(first?.['user_id']).toBe(first?.['vendor_user_id']);
    expect(second?.['user_id']).toBe(first?.['user_id']);
    expect(second?.['sign_in_token']).not.toBe(first?.['sign_in_token']);
    expect(await dev.countCalls('vital')).toEqual({
      'POST /v2/user': 1,
      'POST /v2/user/{user_id}/sign_in_token': 2,
    });
  });

  test('calls Vital once for a principal whose vendor user is known, and returns that user’s id in the session', async () => {
    const { user_id: userId } = await readJson(await dev.issue('vital', alice));
    await dev.callSandbox('DELETE', '/_calls');
    await dev.issue('vital', alice);
    expect(await dev.countCalls('vital')).toEqual({ 'POST /v2/user/{user_id}/sign_in_token': 1 });

    const session = sessionResponseSchema.parse(await (await dev.call('/v1/session', alice)).json());
    expect(session.vendors['vital']).toEqual({ vendor: 'vital', operations: ['issue'], vendor_user_id: userId });
  });

  test('creates two Vital users for the same subject of two identity providers', async () => {
    const ofIdp = await readJson(await dev.issue('vital', alice));
    const ofAuthgear = await readJson(await dev.issue('vital', await dev.mintAuthgearToken({ sub: 'alice' })));
    expect(ofAuthgear['user_id']).not.toBe(ofIdp['user_id']);
  });

  test('creates one Vital user for each of 100 concurrent principals', async () => {
    const tokens = await Promise.all(
      Array.from({ length: 100 }, (_, index) => dev.mintToken({ sub: `subject-${index}` })),
    );
    const issued = await Promise.all(tokens.map(async (token) => readJson(await dev.issue('vital', token))));
    expect(new Set(issued.map((body) => body['user_id'])).size).toBe(100);
  });
});

test('records every decision about a caller once, without a token', async () => {
  dev.decisions.length = 0;
  await dev.issue('nabla', alice);
  await dev.call('/v1/vendors/nymbl/proxy/Billing', alice);
  await dev.issue('nowhere', alice);
  // Plain text cannot carry the several fields of these vendors, so the broker refuses before it calls them.
  await dev.callSandbox('DELETE', '/_calls');
  await dev.issue('nabla', alice, { headers: { accept: 'text/plain' } });
  await dev.issue('vital', alice, { headers: { accept: 'text/plain' } });
  expect([await dev.countCalls('nabla'), await dev.countCalls('vital')]).toEqual([{}, {}]);

  expect(
    dev.decisions.map(({ operation, connection, subject, outcome }) => [operation, connection, subject, outcome]),
  ).toEqual([
    ['issue', 'nabla', 'alice', 'allowed'],
    ['proxy', 'nymbl', 'alice', 'forbidden'],
    ['issue', 'nowhere', 'alice', 'unknown_vendor'],
    ['issue', 'nabla', 'alice', 'invalid_request'],
    ['issue', 'vital', 'alice', 'invalid_request'],
  ]);
  expect(JSON.stringify(dev.decisions)).not.toMatch(/eyJ/);
});

test('waits for a vendor as long as `vendorTimeoutMs` of startDev says', async () => {
  const other = await startDevBroker(100);
  const fault = { type: 'hang' };
  await other.callSandbox('PUT', '/_faults', { faults: [{ vendor: 'nudge', fault }] });
  const token = await other.mintToken({ sub: 'alice' });
  const refused = await readJson(await other.issue('nudge', token));
  expect(refused).toMatchObject({ status: 504, code: 'vendor_timeout' });
  expect(refused['detail']).toContain('within 100 ms');
  await other.close();
});
