import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSandbox, type FaultRule, type Sandbox } from './index.ts';
import { request } from './testing/request.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

const fail = async (vendor: FaultRule['vendor'], route: string, status: number) => {
  sandbox.setFaults([{ vendor, route, fault: { type: 'status', status } }]);
  const [method = '', path = ''] = route.split(' ');
  return request(`${sandbox.origin}/${vendor}${path}`, { method });
};

const user = 'POST /v2/user';
const signInWithCustomToken = 'POST /identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken';
const lookup = 'POST /identitytoolkit.googleapis.com/v1/accounts:lookup';
const secureToken = 'POST /securetoken.googleapis.com/v1/token';
const google = (code: number, message: string, status: string) => ({
  error: { code, message, status, errors: [{ message, domain: 'global', reason: 'invalid' }] },
});
const invalidSession = { error: 'invalid_grant', error_description: 'invalid session' };
const serverError = { error: 'server_error', error_description: 'internal server error' };
const appSession = { name: 'Forbidden', reason: 'InvalidGrant', message: 'invalid refresh token' };
const query = {
  code: 'InvalidFilter',
  message: 'The query specified in the URI is not valid.',
  details: expect.any(String),
};

test.each<[FaultRule['vendor'], string, number, unknown]>([
  ['vital', user, 400, { detail: { error_type: 'INVALID_REQUEST', error_message: expect.any(String) } }],
  ['vital', user, 422, { detail: [{ loc: ['body'], msg: 'Field required', type: 'missing' }] }],
  ['vital', user, 401, { detail: 'Invalid API key' }],
  ['vital', user, 404, { detail: 'User not found' }],
  ['vital', user, 429, { detail: 'Too many requests' }],
  ['vital', user, 500, { detail: 'Internal Server Error' }],
  ['vital', user, 503, { detail: 'Error' }],
  ['vital-auth', 'POST /v1/token', 400, { detail: { error_type: 'invalid_token' } }],
  ['vital-auth', 'POST /v1/token', 401, { detail: { error_type: 'invalid_token' } }],
  ['vital-auth', 'POST /v1/token', 429, { detail: { error_type: 'invalid_request' } }],
  ['vital-auth', 'POST /v1/token', 500, { detail: { error_type: 'internal_error' } }],
  ['vital-auth', signInWithCustomToken, 400, google(400, 'INVALID_CUSTOM_TOKEN', 'INVALID_ARGUMENT')],
  ['vital-auth', signInWithCustomToken, 401, google(401, 'INVALID_CUSTOM_TOKEN', 'UNAUTHENTICATED')],
  ['vital-auth', lookup, 400, google(400, 'INVALID_ID_TOKEN', 'INVALID_ARGUMENT')],
  ['vital-auth', secureToken, 400, google(400, 'INVALID_REFRESH_TOKEN', 'INVALID_ARGUMENT')],
  ['vital-auth', secureToken, 401, google(401, 'TOKEN_EXPIRED', 'UNAUTHENTICATED')],
  ['vital-auth', secureToken, 429, google(429, 'RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED')],
  ['vital-auth', secureToken, 503, google(503, 'UNAVAILABLE', 'UNAVAILABLE')],
  ['vital-auth', secureToken, 418, google(418, 'UNKNOWN', 'UNKNOWN')],
  ['authgear', 'GET /oauth2/userinfo', 401, invalidSession],
  ['authgear', 'POST /oauth2/userinfo', 401, invalidSession],
  ['authgear', 'GET /oauth2/userinfo', 403, expect.objectContaining({ error: 'insufficient_scope' })],
  ['authgear', 'POST /oauth2/token', 400, { error: 'invalid_grant', error_description: 'invalid refresh token' }],
  ['authgear', 'POST /oauth2/token', 429, { error: 'x_rate_limited', error_description: 'rate limited' }],
  ['authgear', 'POST /oauth2/token', 500, serverError],
  ['authgear', 'GET /oauth2/jwks', 404, { error: 'invalid_request', error_description: 'invalid request' }],
  ['authgear', 'GET /oauth2/jwks', 401, { error: 'invalid_request', error_description: 'invalid request' }],
  ['authgear', 'POST /oauth2/app_session_token', 403, { error: appSession }],
  ['authgear', 'POST /oauth2/app_session_token', 500, { error: expect.objectContaining({ name: 'InternalError' }) }],
  ['nymbl', 'GET /Patients', 400, { error: query }],
  [
    'nymbl',
    'GET /Patients',
    404,
    { error: expect.objectContaining({ code: 'NotFound', details: expect.any(String) }) },
  ],
  ['nymbl', 'GET /Patients', 401, { message: 'Unauthorized' }],
  ['nymbl', 'GET /Patients', 403, { message: 'Forbidden' }],
  ['nymbl', 'GET /Patients', 429, { message: 'Too Many Requests' }],
  ['nymbl', 'GET /Patients', 503, { message: 'Service Unavailable' }],
  ['nymbl-idp', 'POST /oauth2/token', 400, { error: 'invalid_client' }],
  ['nymbl-idp', 'POST /oauth2/token', 401, { error: 'invalid_client' }],
  ['nymbl-idp', 'POST /oauth2/token', 429, { error: 'invalid_request' }],
  ['nymbl-idp', 'POST /oauth2/token', 500, { error: 'server_error' }],
  ['nymbl-idp', 'GET /.well-known/jwks.json', 400, { error: 'invalid_request' }],
  ['idp', 'GET /userinfo', 401, { error: 'invalid_token' }],
  ['idp', 'POST /token', 400, { error: 'invalid_grant' }],
  ['idp', 'GET /jwks', 401, { error: 'invalid_request' }],
  ['idp', 'GET /jwks', 500, { error: 'server_error' }],
  ['nabla', 'POST /v1/patient/jwt/refresh', 401, { code: 401, message: 'Unauthorized' }],
  ['nudge', 'GET /api/clients/jwt/token', 401, { statusCode: 401, message: 'Invalid API key' }],
])('%s at %s says with %i what the vendor says', async (vendor, route, status, body) => {
  const answer = await fail(vendor, route, status);
  expect([answer.status, answer.fields]).toEqual([status, body]);
});

test('a 401 or 403 of userinfo says so in a header too', async () => {
  const header = async (status: number) =>
    (await fail('authgear', 'GET /oauth2/userinfo', status)).headers.get('www-authenticate');
  expect(await header(401)).toBe('Bearer error="invalid_grant", error_description="invalid session"');
  expect(await header(403)).toContain('error="insufficient_scope"');
  expect((await fail('idp', 'GET /userinfo', 401)).headers.get('www-authenticate')).toBe(
    'Bearer error="invalid_token"',
  );
});

test.each(['GET /_resolver/resolve', 'GET /resolve'])('%s fails in plain text', async (route) => {
  const answer = await fail('authgear', route, 500);
  expect(answer).toMatchObject({ status: 500, text: 'internal error\n' });
  expect(answer.headers.get('content-type')).toContain('text/plain');
});

test('the root paths of Google’s hosts fail as those under the vendor’s prefix do', async () => {
  sandbox.setFaults([{ vendor: 'vital-auth', fault: { type: 'status', status: 400 } }]);
  const answer = await request(`${sandbox.origin}/securetoken.googleapis.com/v1/token`, { method: 'POST' });
  expect(answer.fields).toEqual(google(400, 'INVALID_REFRESH_TOKEN', 'INVALID_ARGUMENT'));
});
