import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sendBytes } from '../support/raw-connection.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

const path = '/v1/vendors/nudge/token';
const origin = 'http://localhost:5173';
const jwt = /^[\w-]+\.[\w-]+\.[\w-]+$/;

let sandbox: Sandbox;
let broker: RecordingBroker;
let alice: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  const config = createConfigFor(sandbox);
  const { nudge } = config.vendors;
  broker = await startRecordingBroker({
    ...config,
    cors: { origins: [origin] },
    audit: { key: 'a-key-of-at-least-thirty-two-characters' },
    vendors: { ...config.vendors, 'nudge-staff': { ...nudge, vendor: 'nudge', requiredScopes: ['staff'] } },
  });
  alice = await sandbox.mintUserToken({ sub: 'alice' });
});
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});
beforeEach(() => sandbox.resetCalls());

/** Sends a request whose header `Authorization` is exactly this text. */
const sendWith = (authorization: string, url = path, init: RequestInit = {}) =>
  broker.call(url, undefined, { ...init, headers: { authorization, ...init.headers } });

const readCode = async (response: Response) => ((await response.json()) as { code: string }).code;

test('returns the bare token of an account-bound vendor to GET, to a caller’s token without a scheme', async () => {
  const response = await sendWith(alice);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(await response.text()).toMatch(jwt);
  expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 1 });
});

test('returns JSON to a GET request that prefers it, with the fields that POST returns', async () => {
  // The header that axios sends by default.
  const accept = 'application/json, text/plain, */*';
  const [got, posted] = await Promise.all([
    sendWith(alice, path, { headers: { accept } }),
    broker.issue('nudge', alice),
  ]);
  expect(got.headers.get('content-type')).toBe(posted.headers.get('content-type'));
  const [ofGet, ofPost] = [(await got.json()) as object, (await posted.json()) as object];
  expect(Object.keys(ofGet)).toEqual(Object.keys(ofPost));
  expect(ofGet).toMatchObject({ vendor: 'nudge', connection: 'nudge', token: expect.stringMatching(jwt) });
});

test('accepts `Bearer` with GET as well, and refuses the token without a scheme on every other method and route', async () => {
  expect((await sendWith(`Bearer ${alice}`)).status).toBe(200);
  for (const [method, url] of [
    ['POST', path],
    ['POST', '/v1/vendors/nabla/token'],
    ['GET', '/v1/session'],
    ['GET', '/v1/authorize'],
    ['GET', '/v1/vendors/nymbl/proxy/Patients'],
    ['GET', `/v1/vendors/nudge/proxy/token`],
  ] as const) {
    const response = await sendWith(alice, url, { method });
    expect([url, response.status, await readCode(response)]).toEqual([url, 401, 'missing_token']);
  }
  const resolved = await sendWith(alice, '/v1/resolve');
  expect([resolved.status, resolved.headers.get('x-valetkey-session-valid')]).toEqual([200, null]);
});

test('responds 405 with the methods of the connection to any other method, and to GET if its tokens are bound to a user', async () => {
  for (const [method, connection, allow] of [
    ['GET', 'nabla', 'POST'],
    ['GET', 'vital', 'POST'],
    ['GET', 'nymbl', 'POST'],
    ['GET', 'authgear', 'POST'],
    ['GET', 'nowhere', 'POST'],
    ['GET', '__proto__', 'POST'],
    ['HEAD', 'nabla', 'POST'],
    ['HEAD', 'nudge', 'GET, POST'],
    ['PUT', 'nudge', 'GET, POST'],
    ['DELETE', 'nudge', 'GET, POST'],
  ]) {
    const response = await sendWith(alice, `/v1/vendors/${connection}/token`, { method: method ?? '' });
    expect([method, connection, response.status, response.headers.get('allow')]).toEqual([
      method,
      connection,
      405,
      allow,
    ]);
  }
  expect(sandbox.calls()['nabla']).toEqual({});
});

test('refuses a GET request with a query or a body, and does not call the vendor', async () => {
  for (const query of ['?expiry_minutes=5', `?access_token=${alice}`]) {
    const response = await sendWith(alice, path + query);
    expect([response.status, await readCode(response)]).toEqual([400, 'invalid_request']);
  }
  const { host } = new URL(broker.brokerUrl);
  const head = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${alice}\r\n`;
  const next = `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  // The body is never read as the next request.
  for (const [body, statuses] of [
    ['Content-Length: 2\r\n\r\n{}', [400, 200]],
    ['Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n', [400]],
  ] as const) {
    expect(await sendBytes(broker.brokerUrl, [head + body + next])).toMatchObject({ statuses, closed: true });
  }
  expect(sandbox.calls()['nudge']).toEqual({});
});

test.each<[string, (token: string) => string, number]>([
  ['two tokens', (token) => `${token}, ${token}`, 401],
  ['a token and a scheme', (token) => `${token}, Bearer ${token}`, 401],
  ['a quoted token', (token) => `"${token}"`, 401],
  ['an unknown scheme', (token) => `Token ${token}`, 401],
  ['the scheme DPoP', (token) => `DPoP ${token}`, 401],
  ['a token in Basic', (token) => `Basic ${btoa(`${token}:`)}`, 401],
  ['no token', () => '', 401],
  ['a word', () => 'null', 401],
  ['the text of an absent value', () => 'undefined', 401],
  ['a cut token', (token) => token.slice(0, -4), 401],
  ['a scheme without a space', (token) => `Bearer${token}`, 401],
  ['a scheme alone', () => 'Bearer', 400],
  ['two schemes', (token) => `Bearer Bearer ${token}`, 400],
])('refuses a GET request whose header Authorization is %s, and quotes nothing of it', async (_, write, status) => {
  const response = await sendWith(write(alice));
  expect(response.status).toBe(status);
  const text = await response.text();
  for (const part of alice.split('.')) expect(text).not.toContain(part.slice(0, -4));
  expect(sandbox.calls()['nudge']).toEqual({});
});

test('refuses a GET request with the same token in two headers', async () => {
  const { host } = new URL(broker.brokerUrl);
  for (const [first, second] of [
    [alice, alice],
    [alice, `Bearer ${alice}`],
    [`Bearer ${alice}`, alice],
  ]) {
    const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${first}\r\nauthorization: ${second}\r\nConnection: close\r\n\r\n`;
    const { statuses, text } = await sendBytes(broker.brokerUrl, [request]);
    expect(statuses).toEqual([400]);
    expect(text).toContain('The header authorization is present more than once.');
  }
});

test('refuses a GET request whose token is bound to a key (DPoP), as POST does', async () => {
  const bound = await sandbox.mintUserToken({ sub: 'alice', claims: { cnf: { jkt: 'a'.repeat(43) } } });
  const [got, posted] = await Promise.all([sendWith(bound), broker.issue('nudge', bound)]);
  expect([got.status, await readCode(got)]).toEqual([posted.status, await readCode(posted)]);
  expect(got.status).toBe(401);
});

test('applies the rules of the connection to GET, and records a decision `issue` like that of POST', async () => {
  const refused = await sendWith(alice, '/v1/vendors/nudge-staff/token');
  expect([refused.status, await readCode(refused)]).toEqual([403, 'forbidden']);
  const got = await sendWith(alice);
  const posted = await broker.issue('nudge', alice);
  const { audit } = await broker.readRecords();
  const { decisions } = JSON.parse(audit) as { decisions: Record<string, unknown>[] };
  const find = (response: Response) =>
    decisions.find(({ request_id: id }) => id === response.headers.get('x-request-id'));
  const comparable = ({ at: _at, request_id: _id, duration_ms: _ms, ...others }: Record<string, unknown> = {}) =>
    others;
  expect(find(refused)).toMatchObject({ operation: 'issue', connection: 'nudge-staff', outcome: 'forbidden' });
  expect(comparable(find(got))).toEqual(comparable(find(posted)));
  expect(find(got)).toMatchObject({ operation: 'issue', outcome: 'allowed', token_fingerprint: expect.any(String) });
  expect(find(got)).not.toHaveProperty('method');
});

test('counts GET requests in the rate limit of their principal', async () => {
  const config = { ...createConfigFor(sandbox), callerLimits: { requestsPerMinute: 2 } };
  await using limited = await startRecordingBroker(config);
  const get = () => limited.call(path, undefined, { headers: { authorization: alice } });
  expect([(await get()).status, (await limited.issue('nudge', alice)).status]).toEqual([200, 200]);
  const refused = await get();
  expect([refused.status, refused.headers.has('retry-after')]).toEqual([429, true]);
});

test('allows a web page of a configured origin to send GET with the header Authorization', async () => {
  const preflight = await broker.call(path, undefined, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
  expect(preflight.headers.get('access-control-allow-methods')).toContain('GET');
  expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
  const response = await sendWith(alice, path, { headers: { origin } });
  expect(response.headers.get('access-control-allow-origin')).toBe(origin);
});

test('logs neither the token of the caller nor the token of the vendor', async () => {
  const issued = await (await sendWith(alice)).text();
  await sendWith(`${alice}x`);
  const records = JSON.stringify(await broker.readRecords());
  for (const secret of [alice, issued]) expect(records).not.toContain(secret.split('.').at(-1));
});
