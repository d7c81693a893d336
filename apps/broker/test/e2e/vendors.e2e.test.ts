import { issueAnswerSchema, problemSchema, sessionAnswerSchema } from '@valetkey/core-types';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { jsonOf, startHarness, type Harness } from '../support/dev-harness.ts';

let harness: Harness;
let alice: string;
beforeAll(async () => {
  harness = await startHarness();
  alice = await harness.mintToken({ sub: 'alice' });
});
afterAll(() => harness.close());
beforeEach(async () => {
  await harness.sandbox('DELETE', '/_calls');
  await harness.sandbox('PUT', '/_faults', { faults: [] });
});

describe('Nabla', () => {
  test('every ask reaches the vendor and answers fresh tokens of this patient', async () => {
    const first = await jsonOf(await harness.issue('nabla', alice));
    const second = await jsonOf(await harness.issue('nabla', alice));

    expect(issueAnswerSchema.parse(first)).toMatchObject({
      vendor: 'nabla',
      vendor_user_id: 'alice',
      expires_in: 300,
      refresh_after: 240,
    });
    expect(first['access_token']).toEqual(expect.any(String));
    expect(first['refresh_token']).toEqual(expect.any(String));
    expect(second['access_token']).not.toBe(first['access_token']);
    expect(await harness.callsOf('nabla')).toEqual({ 'GET /v1/server/jwt/patient/authenticate/{user_id}': 2 });
  });

  test('a patient that Nabla does not know is a 404 that says what to do', async () => {
    const response = await harness.issue('nabla', await harness.mintToken({ sub: 'unknown-patient' }));
    expect(response.status).toBe(404);
    expect(problemSchema.parse(await response.json())).toMatchObject({
      code: 'vendor_user_not_found',
      vendor: 'nabla',
    });
  });

  test('the same subject of another identity provider is another person', async () => {
    const { access_token: token } = await harness.sandbox('POST', '/authgear/dev-session', { sub: 'alice' });
    const response = await harness.issue('nabla', token as string);
    expect(await jsonOf(response)).toMatchObject({ status: 404, code: 'vendor_user_not_found' });
    expect(await harness.callsOf('nabla')).toEqual({});
  });
});

describe('Nudge', () => {
  test('answers the account token as JSON, and bare to who prefers text', async () => {
    const answer = await jsonOf(await harness.issue('nudge', alice));
    expect(answer).toMatchObject({ vendor: 'nudge', expires_in: 3600, token: expect.any(String) });
    expect(answer).not.toHaveProperty('vendor_user_id');

    const text = await harness.issue('nudge', alice, { headers: { accept: 'text/plain' } });
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await text.text()).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  test('is not cached unless the operator asks for it', async () => {
    await harness.issue('nudge', alice);
    await harness.issue('nudge', alice);
    expect(await harness.callsOf('nudge')).toEqual({ 'GET /api/clients/jwt/token': 2 });
  });

  test('takes a shorter life as a parameter, and refuses fields it does not know', async () => {
    const headers = { 'content-type': 'application/json' };
    const short = await harness.issue('nudge', alice, { headers, body: '{"expiry_minutes":5}' });
    expect(await jsonOf(short)).toMatchObject({ expires_in: 300 });

    const wrong = await harness.issue('nudge', alice, { headers, body: '{"user_id":"bob"}' });
    expect(await jsonOf(wrong)).toMatchObject({
      status: 400,
      code: 'invalid_request',
      remediation: expect.stringContaining('user_id'),
    });
  });
});

describe('Nymbl', () => {
  test('fifty calls at once ask for one server token, which no answer holds', async () => {
    const responses = await Promise.all(
      Array.from({ length: 50 }, () => harness.call('/v1/vendors/nymbl/proxy/Patients?$top=2', alice)),
    );
    const bodies = await Promise.all(responses.map((response) => response.text()));

    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(JSON.parse(bodies[0] ?? '')).toMatchObject({ value: expect.any(Array) });
    expect(await harness.callsOf('nymbl-idp')).toEqual({ 'POST /oauth2/token': 1 });
    expect(await harness.callsOf('nymbl')).toMatchObject({ 'GET /Patients': 50 });
    for (const text of [...bodies, ...responses.map(({ headers }) => JSON.stringify([...headers]))]) {
      expect(text).not.toMatch(/eyJ|sandbox-only/);
    }
  });

  test('a token that the vendor refuses is renewed, and the call made again, once', async () => {
    await harness.call('/v1/vendors/nymbl/proxy/Patients', alice);
    await harness.sandbox('DELETE', '/_calls');
    const fault = { type: 'status', status: 401, body: '{"message":"The incoming token has expired"}' };
    await harness.sandbox('PUT', '/_faults', { faults: [{ vendor: 'nymbl', fault, count: 1 }] });

    const response = await harness.call('/v1/vendors/nymbl/proxy/Patients', alice);
    expect(response.status).toBe(200);
    expect(await harness.callsOf('nymbl-idp')).toEqual({ 'POST /oauth2/token': 1 });

    await harness.sandbox('PUT', '/_faults', { faults: [{ vendor: 'nymbl', fault }] });
    const refused = await harness.call('/v1/vendors/nymbl/proxy/Patients', alice);
    expect(await jsonOf(refused)).toMatchObject({ status: 502, code: 'vendor_auth_failed' });
  });

  test.each([
    ['a method that is not listed', 'DELETE', '/Patients'],
    ['a path that is not listed', 'GET', '/Billing'],
    ['a way around by dots', 'GET', '/Patients/..%2fBilling'],
    ['a way around by a double slash', 'GET', '//evil.example/Patients'],
  ])('does not pass %s', async (_, method, path) => {
    const response = await harness.call(`/v1/vendors/nymbl/proxy${path}`, alice, { method });
    expect(await jsonOf(response)).toMatchObject({ status: 403, code: 'forbidden' });
    expect(await harness.callsOf('nymbl')).toEqual({});
  });

  test('issues no token', async () => {
    expect(await jsonOf(await harness.issue('nymbl', alice))).toMatchObject({
      status: 404,
      code: 'operation_not_supported',
    });
  });
});

describe('Authgear', () => {
  test('its token is a principal of its own issuer', async () => {
    const { access_token: token } = await harness.sandbox('POST', '/authgear/dev-session', { sub: 'alice' });
    const response = await harness.call('/v1/session', token as string);
    const session = sessionAnswerSchema.parse(await response.json());
    expect(session).toMatchObject({ issuer: `${harness.sandboxUrl}/authgear`, subject: 'alice' });
    expect(session.vendors['authgear']).toEqual({ vendor: 'authgear', operations: ['authenticate'] });
    expect(session.vendors['nymbl']).toEqual({ vendor: 'nymbl', operations: ['proxy'] });
  });

  test('its keys are fetched once', async () => {
    const { access_token: token } = await harness.sandbox('POST', '/authgear/dev-session', { sub: 'bob' });
    await Promise.all(Array.from({ length: 20 }, () => harness.call('/v1/session', token as string)));
    expect((await harness.callsOf('authgear'))['GET /oauth2/jwks'] ?? 0).toBeLessThanOrEqual(1);
  });

  test('resolve has three states and is always 200', async () => {
    const { access_token: token } = await harness.sandbox('POST', '/authgear/dev-session', { sub: 'alice' });
    const absent = await harness.call('/v1/resolve');
    const valid = await harness.call('/v1/resolve', token as string, { method: 'HEAD' });
    const invalid = await harness.call('/v1/resolve', 'not-a-token');

    expect([absent.status, valid.status, invalid.status]).toEqual([200, 200, 200]);
    expect(absent.headers.get('x-valetkey-session-valid')).toBeNull();
    expect(valid.headers.get('x-valetkey-session-valid')).toBe('true');
    expect(valid.headers.get('x-valetkey-user-id')).toBe('alice');
    expect(valid.headers.get('x-valetkey-issuer')).toBe(`${harness.sandboxUrl}/authgear`);
    expect(invalid.headers.get('x-valetkey-session-valid')).toBe('false');
    expect(invalid.headers.get('x-valetkey-user-id')).toBeNull();
    expect(await absent.text()).toBe('');
  });

  test.each([
    ['Basic YTpi', null],
    ['', null],
    ['Bearer', 'false'],
    ['Bearer a b', 'false'],
    ['Bearer a.b.c', 'false'],
  ])('resolve of "Authorization: %s" is 200 and says %s', async (authorization, valid) => {
    const answer = await harness.call('/v1/resolve', undefined, { headers: { authorization } });
    expect([answer.status, answer.headers.get('x-valetkey-session-valid')]).toEqual([200, valid]);
    expect(answer.headers.get('x-valetkey-user-id')).toBeNull();
  });
});

describe('Vital', () => {
  test('two devices of one person at once make one user, and each gets its own sign-in token', async () => {
    const answers = await Promise.all([1, 2].map(async () => jsonOf(await harness.issue('vital', alice))));
    const [first, second] = answers;

    expect(issueAnswerSchema.parse(first)).toMatchObject({ vendor: 'vital', environment: 'sandbox', region: 'us' });
    expect(first?.['user_id']).toBe(first?.['vendor_user_id']);
    expect(second?.['user_id']).toBe(first?.['user_id']);
    expect(second?.['sign_in_token']).not.toBe(first?.['sign_in_token']);
    expect(await harness.callsOf('vital')).toEqual({
      'POST /v2/user': 1,
      'POST /v2/user/{user_id}/sign_in_token': 2,
    });
  });

  test('a known person costs one call, and the session tells the vendor user', async () => {
    const { user_id: userId } = await jsonOf(await harness.issue('vital', alice));
    await harness.sandbox('DELETE', '/_calls');
    await harness.issue('vital', alice);
    expect(await harness.callsOf('vital')).toEqual({ 'POST /v2/user/{user_id}/sign_in_token': 1 });

    const session = sessionAnswerSchema.parse(await (await harness.call('/v1/session', alice)).json());
    expect(session.vendors['vital']).toEqual({ vendor: 'vital', operations: ['issue'], vendor_user_id: userId });
  });

  test('the same subject of two identity providers is two users', async () => {
    const { access_token: token } = await harness.sandbox('POST', '/authgear/dev-session', { sub: 'alice' });
    const here = await jsonOf(await harness.issue('vital', alice));
    const there = await jsonOf(await harness.issue('vital', token as string));
    expect(there['user_id']).not.toBe(here['user_id']);
  });

  test('a hundred different people each get their own user', async () => {
    const people = await Promise.all(
      Array.from({ length: 100 }, (_, index) => harness.mintToken({ sub: `person-${index}` })),
    );
    const answers = await Promise.all(people.map(async (token) => jsonOf(await harness.issue('vital', token))));
    expect(new Set(answers.map((answer) => answer['user_id'])).size).toBe(100);
  });
});

test('every decision about a caller is recorded once, and holds no token', async () => {
  harness.decisions.length = 0;
  await harness.issue('nabla', alice);
  await harness.call('/v1/vendors/nymbl/proxy/Billing', alice);
  await harness.issue('nowhere', alice);
  // Two tokens do not fit into a plain text, so none is answered and none is recorded as answered.
  await harness.sandbox('DELETE', '/_calls');
  await harness.issue('nabla', alice, { headers: { accept: 'text/plain' } });
  await harness.issue('vital', alice, { headers: { accept: 'text/plain' } });
  expect([await harness.callsOf('nabla'), await harness.callsOf('vital')]).toEqual([{}, {}]);

  expect(
    harness.decisions.map(({ operation, connection, subject, outcome }) => [operation, connection, subject, outcome]),
  ).toEqual([
    ['issue', 'nabla', 'alice', 'allowed'],
    ['proxy', 'nymbl', 'alice', 'forbidden'],
    ['issue', 'nowhere', 'alice', 'unknown_vendor'],
    ['issue', 'nabla', 'alice', 'invalid_request'],
    ['issue', 'vital', 'alice', 'invalid_request'],
  ]);
  expect(JSON.stringify(harness.decisions)).not.toMatch(/eyJ/);
});
