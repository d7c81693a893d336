import { errorTable, problemSchema } from '@valetkey/core-types';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startDevBroker, type DevBroker } from '../support/dev-broker.ts';
import { sendBytes } from '../support/raw-connection.ts';

let dev: DevBroker;
let alice: string;
beforeAll(async () => {
  dev = await startDevBroker();
  alice = await dev.mintToken({ sub: 'alice' });
});
beforeEach(() => dev.callSandbox('PUT', '/_faults', { faults: [] }));
afterAll(() => dev.close());

/** Expects a problem with this code and with a remediation, but without a stack trace or a token. Returns the problem. */
async function expectProblem(response: Response, code: keyof typeof errorTable) {
  const { status } = errorTable[code];
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = problemSchema.parse(await response.json());
  expect({ http: response.status, status: problem.status, code: problem.code }).toEqual({ http: status, status, code });
  expect(problem.remediation).not.toBe('');
  expect(JSON.stringify(problem)).not.toMatch(/\bat .*:\d+|node_modules|eyJ/);
  return problem;
}

test('responds 401 with the challenge `Bearer` alone to a request without a token', async () => {
  const response = await dev.call('/v1/session');
  expect(response.headers.get('www-authenticate')).toBe('Bearer');
  await expectProblem(response, 'missing_token');
});

test.each<[string, () => Promise<string>, RegExp]>([
  ['a malformed token', async () => 'nonsense', /./],
  ['an expired token', () => dev.mintToken({ sub: 'alice', expires_in: -120 }), /expire/i],
  [
    'a token of another issuer',
    () => dev.mintToken({ sub: 'alice', issuer: 'https://evil.example' }),
    /identity provider that is not configured/,
  ],
  ['a token for another audience', () => dev.mintToken({ sub: 'alice', audience: 'another-api' }), /audience/i],
])('responds 401 with a challenge to a request with %s, and names the cause', async (_, mint, cause) => {
  const response = await dev.call('/v1/session', await mint());
  expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token"/);
  const { detail, remediation } = await expectProblem(response, 'invalid_token');
  expect(`${detail} ${remediation}`).toMatch(cause);
});

test('ignores a token in the query or the body', async () => {
  await expectProblem(await dev.call(`/v1/session?access_token=${alice}`), 'missing_token');
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ access_token: alice });
  await expectProblem(
    await dev.call('/v1/vendors/nabla/token', undefined, { method: 'POST', headers, body }),
    'missing_token',
  );
});

test('responds 400 to a request with two Authorization headers, even if the first is valid', async () => {
  // `fetch` would join the two headers.
  const { host } = new URL(dev.brokerUrl);
  const tokens = `Authorization: Bearer ${alice}\r\nAuthorization: Bearer other\r\n`;
  const head = `POST /v1/vendors/nabla/token HTTP/1.1\r\nHost: ${host}\r\n${tokens}Connection: close\r\n\r\n`;
  expect((await sendBytes(dev.brokerUrl, [head])).statuses).toEqual([400]);
});

test('accepts the scheme Bearer in lower case, and no other scheme', async () => {
  const bearer = await dev.call('/v1/session', undefined, { headers: { authorization: `bearer ${alice}` } });
  expect(bearer.status).toBe(200);
  const basic = await dev.call('/v1/session', undefined, { headers: { authorization: 'Basic YTpi' } });
  expect(basic.status).toBeGreaterThanOrEqual(400);
  expect(basic.status).toBeLessThan(402);
});

test('responds unknown_vendor to a call of a connection that is not configured', async () => {
  await expectProblem(await dev.issue('nowhere', alice), 'unknown_vendor');
  await expectProblem(await dev.issue('__proto__', alice), 'unknown_vendor');
  await expectProblem(await dev.call('/v1/vendors/nowhere/proxy/x', alice), 'unknown_vendor');
});

test('responds operation_not_supported if the vendor of the connection lacks the ability', async () => {
  await expectProblem(await dev.issue('authgear', alice), 'operation_not_supported');
  await expectProblem(await dev.call('/v1/vendors/nabla/proxy/x', alice), 'operation_not_supported');
});

test('responds not_found to an unknown path, and method_not_allowed with Allow to an unknown method', async () => {
  await expectProblem(await dev.call('/v2/anything'), 'not_found');
  for (const method of ['GET', 'PUT', 'PROPFIND']) {
    const response = await dev.call('/v1/vendors/nabla/token', alice, { method });
    expect(response.headers.get('allow')).toBe('POST');
    await expectProblem(response, 'method_not_allowed');
  }
});

test('refuses a path that is badly encoded or too long', async () => {
  await expectProblem(await dev.call('/v1/%zz', alice), 'invalid_request');
  await expectProblem(await dev.issue('x'.repeat(5000), alice), 'not_found');
  await expectProblem(await dev.call(`/v1/vendors/nymbl/proxy/${'x'.repeat(3000)}`, alice), 'forbidden');
});

const jsonHeaders = { 'content-type': 'application/json' };
const sendBody = (body: string, headers: Record<string, string> = jsonHeaders) =>
  dev.issue('nudge', alice, { headers, body });

test.each([
  ['is no JSON', '{"expiry_minutes":'],
  ['is an array', '[]'],
  ['is nested 8,000 levels deep', '['.repeat(8000)],
  ['has an unknown field', '{"user_id":"bob"}'],
  ['has a field named __proto__', '{"__proto__":{"expiry_minutes":5}}'],
  ['has a field of another type', '{"expiry_minutes":"5"}'],
  ['has a field out of range', '{"expiry_minutes":100000}'],
])('responds invalid_request to a body that %s', async (_, body) => {
  await expectProblem(await sendBody(body), 'invalid_request');
});

test('responds payload_too_large to a body of 20 kB', async () => {
  await expectProblem(await sendBody(JSON.stringify({ padding: 'x'.repeat(20_000) })), 'payload_too_large');
});

test('responds unsupported_media_type to a body of another media type or with a content encoding', async () => {
  await expectProblem(
    await sendBody('expiry_minutes=5', { 'content-type': 'application/x-www-form-urlencoded' }),
    'unsupported_media_type',
  );
  await expectProblem(await sendBody('{}', { ...jsonHeaders, 'content-encoding': 'gzip' }), 'unsupported_media_type');
});

test('accepts an empty body', async () => {
  expect((await sendBody('')).status).toBe(200);
});

test('does not parse the body of a caller without a token', async () => {
  const response = await dev.call('/v1/vendors/nudge/token', undefined, {
    method: 'POST',
    headers: jsonHeaders,
    body: '{',
  });
  await expectProblem(response, 'missing_token');
});

test.each<[string, object, keyof typeof errorTable]>([
  ["refuses the broker's key", { type: 'status', status: 401, body: { message: 'canary-7d1e' } }, 'vendor_auth_failed'],
  ['is behind a firewall that refuses', { type: 'status', status: 403, body: 'canary-7d1e' }, 'vendor_unavailable'],
  ['responds 500', { type: 'status', status: 500, body: 'canary-7d1e' }, 'vendor_unavailable'],
  ['responds with malformed JSON', { type: 'malformed' }, 'vendor_response_invalid'],
  ['resets the connection', { type: 'reset' }, 'vendor_unavailable'],
])('responds with a problem that does not quote the vendor when the vendor %s', async (_, fault, code) => {
  await dev.callSandbox('PUT', '/_faults', { faults: [{ vendor: 'nabla', fault }] });
  const problem = await expectProblem(await dev.issue('nabla', alice), code);
  expect(JSON.stringify(problem)).not.toContain('canary-7d1e');
});

test('accepts tokens of one identity provider while another one is unreachable', async () => {
  const other = await startDevBroker();
  try {
    const token = await other.mintToken({ sub: 'alice' });
    await other.callSandbox('PUT', '/_faults', { faults: [{ vendor: 'authgear', fault: { type: 'reset' } }] });
    expect((await other.call('/v1/session', token)).status).toBe(200);
    // The issuer of this token is another sandbox, which is not configured.
    const unknownIssuer = await dev.mintAuthgearToken({ sub: 'alice' });
    expect((await other.call('/v1/session', unknownIssuer)).status).toBe(401);
  } finally {
    await other.close();
  }
});

test('sends every response with the mark of a broker, without caching, content sniffing, server name or ETag', async () => {
  const response = await dev.issue('nabla', alice);
  expect(response.headers.get('valet-key')).toBe('broker');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('server')).toBeNull();
  expect(response.headers.get('etag')).toBeNull();
});

test('the admin API accepts the admin token only', async () => {
  const callAdmin = (token?: string) =>
    fetch(`${dev.adminUrl}/v1/decisions`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
  expect((await callAdmin()).status).toBe(401);
  expect((await callAdmin(alice)).status).toBe(401);
  expect((await callAdmin('sandbox-only-admin-token')).status).toBe(200);
});
