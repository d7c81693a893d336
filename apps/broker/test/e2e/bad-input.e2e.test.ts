import { request as rawRequest } from 'node:http';
import { errorTable, problemSchema } from '@valetkey/core-types';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHarness, type Harness } from '../support/dev-harness.ts';

let harness: Harness;
let alice: string;
beforeAll(async () => {
  harness = await startHarness();
  alice = await harness.mintToken({ sub: 'alice' });
});
afterAll(() => harness.close());

/** Sends exactly these headers, twice the same name too, which `fetch` would not. */
function sendRaw(path: string, headers: string[], body?: string) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const request = rawRequest(harness.brokerUrl + path, { method: 'POST', headers }, (response) => {
      let text = '';
      response
        .on('data', (chunk) => (text += chunk))
        .on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    request.on('error', reject).end(body);
  });
}

async function expectProblem(response: Response, code: keyof typeof errorTable) {
  const { status } = errorTable[code];
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = problemSchema.parse(await response.json());
  expect({ http: response.status, status: problem.status, code: problem.code }).toEqual({ http: status, status, code });
  expect(problem.remediation).not.toBe('');
  expect(JSON.stringify(problem)).not.toMatch(/\bat .*:\d+|node_modules|eyJ/);
  return problem;
}

describe('tokens', () => {
  test('none at all: 401 with the bare challenge', async () => {
    const response = await harness.call('/v1/session');
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    await expectProblem(response, 'missing_token');
  });

  test.each<[string, () => Promise<string>, RegExp]>([
    ['malformed', async () => 'nonsense', /./],
    ['expired', () => harness.mintToken({ sub: 'alice', expires_in: -120 }), /expire/i],
    ['of a wrong issuer', () => harness.mintToken({ sub: 'alice', issuer: 'https://evil.example' }), /issuer/i],
    ['for a wrong audience', () => harness.mintToken({ sub: 'alice', audience: 'another-api' }), /audience/i],
  ])('%s: 401 with the challenge, and a remediation that helps', async (_, token, about) => {
    const response = await harness.call('/v1/session', await token());
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token"/);
    const { detail, remediation } = await expectProblem(response, 'invalid_token');
    expect(`${detail} ${remediation}`).toMatch(about);
  });

  test('in the query or the body: not seen', async () => {
    await expectProblem(await harness.call(`/v1/session?access_token=${alice}`), 'missing_token');
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ access_token: alice });
    await expectProblem(
      await harness.call('/v1/vendors/nabla/token', undefined, { method: 'POST', headers, body }),
      'missing_token',
    );
  });

  test('two of them: 400, whichever comes first', async () => {
    const { status } = await sendRaw('/v1/vendors/nabla/token', [
      'Host',
      new URL(harness.brokerUrl).host,
      'Authorization',
      `Bearer ${alice}`,
      'Authorization',
      'Bearer other',
    ]);
    expect(status).toBe(400);
  });

  test('the scheme may be written in any case, and must be Bearer', async () => {
    const lower = await harness.call('/v1/session', undefined, { headers: { authorization: `bearer ${alice}` } });
    expect(lower.status).toBe(200);
    const basic = await harness.call('/v1/session', undefined, { headers: { authorization: 'Basic YTpi' } });
    expect(basic.status).toBeGreaterThanOrEqual(400);
    expect(basic.status).toBeLessThan(402);
  });
});

describe('vendors and operations', () => {
  test('an unknown vendor', async () => {
    await expectProblem(await harness.issue('nowhere', alice), 'unknown_vendor');
    await expectProblem(await harness.issue('__proto__', alice), 'unknown_vendor');
    await expectProblem(await harness.call('/v1/vendors/nowhere/proxy/x', alice), 'unknown_vendor');
  });

  test('a vendor that cannot do this', async () => {
    await expectProblem(await harness.issue('authgear', alice), 'operation_not_supported');
    await expectProblem(await harness.call('/v1/vendors/nabla/proxy/x', alice), 'operation_not_supported');
  });

  test('an unknown path, and a known one with a wrong method', async () => {
    await expectProblem(await harness.call('/v2/anything'), 'not_found');
    for (const method of ['GET', 'PUT', 'PROPFIND']) {
      const response = await harness.call('/v1/vendors/nabla/token', alice, { method });
      expect(response.headers.get('allow')).toBe('POST');
      await expectProblem(response, 'method_not_allowed');
    }
  });
});

test('a path that is no URL path, or has no end', async () => {
  await expectProblem(await harness.call('/v1/%zz', alice), 'invalid_request');
  await expectProblem(await harness.issue('x'.repeat(5000), alice), 'not_found');
  await expectProblem(await harness.call(`/v1/vendors/nymbl/proxy/${'x'.repeat(3000)}`, alice), 'forbidden');
});

describe('bodies', () => {
  const json = { 'content-type': 'application/json' };
  const send = (body: string, headers: Record<string, string> = json) =>
    harness.issue('nudge', alice, { headers, body });

  test.each([
    ['no JSON', '{"expiry_minutes":'],
    ['an array', '[]'],
    ['a deep nest', '['.repeat(8000)],
    ['an unknown field', '{"user_id":"bob"}'],
    ['a field named __proto__', '{"__proto__":{"expiry_minutes":5}}'],
    ['a wrong type', '{"expiry_minutes":"5"}'],
    ['a value out of bounds', '{"expiry_minutes":100000}'],
  ])('%s', async (_, body) => {
    await expectProblem(await send(body), 'invalid_request');
  });

  test('too large', async () => {
    await expectProblem(await send(JSON.stringify({ padding: 'x'.repeat(20_000) })), 'payload_too_large');
  });

  test('of another type, or encoded', async () => {
    await expectProblem(
      await send('expiry_minutes=5', { 'content-type': 'application/x-www-form-urlencoded' }),
      'unsupported_media_type',
    );
    await expectProblem(await send('{}', { ...json, 'content-encoding': 'gzip' }), 'unsupported_media_type');
  });

  test('empty is no body', async () => {
    expect((await send('')).status).toBe(200);
  });

  test('of a stranger is not read', async () => {
    const response = await harness.call('/v1/vendors/nudge/token', undefined, {
      method: 'POST',
      headers: json,
      body: '{',
    });
    await expectProblem(response, 'missing_token');
  });
});

describe('a vendor in trouble', () => {
  const fault = (kind: object) => harness.sandbox('PUT', '/_faults', { faults: [{ vendor: 'nabla', fault: kind }] });
  afterAll(() => harness.sandbox('PUT', '/_faults', { faults: [] }));

  test.each<[string, object, keyof typeof errorTable]>([
    ['refuses our key', { type: 'status', status: 401 }, 'vendor_auth_failed'],
    ['fails', { type: 'status', status: 500, body: 'canary-7d1e' }, 'vendor_unavailable'],
    ['answers nonsense', { type: 'malformed' }, 'vendor_response_invalid'],
    ['hangs up', { type: 'reset' }, 'vendor_unavailable'],
  ])('%s', async (_, kind, code) => {
    await fault(kind);
    const problem = await expectProblem(await harness.issue('nabla', alice), code);
    expect(JSON.stringify(problem)).not.toContain('canary-7d1e');
  });
});

test('an identity provider that cannot be asked is a 503, never a 401', async () => {
  const fresh = await startHarness();
  try {
    const token = await fresh.mintToken({ sub: 'alice' });
    await fresh.sandbox('PUT', '/_faults', { faults: [{ vendor: 'authgear', fault: { type: 'reset' } }] });
    const { access_token: other } = await harness.sandbox('POST', '/authgear/dev-session', { sub: 'alice' });
    expect((await fresh.call('/v1/session', token)).status).toBe(200);
    // A token of the other sandbox has another issuer: that one is plainly invalid.
    expect((await fresh.call('/v1/session', other as string)).status).toBe(401);
  } finally {
    await fresh.close();
  }
});

test('answers are never stored, sniffed or signed', async () => {
  const response = await harness.issue('nabla', alice);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('server')).toBeNull();
  expect(response.headers.get('etag')).toBeNull();
});

test('the admin API opens to the admin token alone', async () => {
  const admin = (token?: string) =>
    fetch(
      `${harness.adminUrl}/v1/decisions`,
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    );
  expect((await admin()).status).toBe(401);
  expect((await admin(alice)).status).toBe(401);
  expect((await admin('sandbox-only-admin-token')).status).toBe(200);
});

describe('web pages', () => {
  const preflight = (origin: string) =>
    harness.call('/v1/vendors/nabla/token', undefined, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  test('of a configured origin may call, without credentials of the browser', async () => {
    const allowed = await preflight('http://localhost:5173');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    expect(allowed.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
    const refused = await harness.call('/v1/session', undefined, { headers: { origin: 'http://localhost:5173' } });
    expect(refused.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    for (const header of ['retry-after', 'etag', 'odata-version']) {
      expect(refused.headers.get('access-control-expose-headers')).toContain(header);
    }
  });

  test('ask by a preflight or not at all', async () => {
    const answer = await harness.call('/v1/session', undefined, { method: 'OPTIONS' });
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'invalid_request' }]);
  });

  test.each(['null', 'http://localhost:5173.evil.example', 'http://xlocalhost:5173', 'http://localhost:51730'])(
    'of %s may not',
    async (origin) => {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
      const { headers } = await harness.call('/v1/session', alice, { headers: { origin } });
      expect(headers.get('access-control-allow-origin')).toBeNull();
    },
  );
});

test('the metrics count by words of ours, and name no person', async () => {
  await harness.issue('nabla', alice);
  await harness.issue(`made-up-${Date.now()}`, alice);
  const response = await fetch(`${harness.adminUrl}/metrics`);
  const text = await response.text();
  expect(response.headers.get('content-type')).toContain('text/plain');
  expect(text).toMatch(
    /valetkey_decisions_total\{operation="issue",connection="nabla",vendor="nabla",outcome="allowed"\} [1-9]/,
  );
  expect(text).toMatch(
    /valetkey_decisions_total\{operation="issue",connection="unknown",vendor="unknown",outcome="unknown_vendor"\} [1-9]/,
  );
  expect(text).toMatch(/valetkey_identity_key_fetches_total\{.*outcome="succeeded"\} 1/);
  expect(text).not.toMatch(/alice|made-up|eyJ|sandbox-only/);
  expect((await harness.call('/metrics')).status).toBe(404);
});
