import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../index.ts';
import { rawRequest } from '../testing/raw-request.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

const page = 'http://localhost:5173';

test.each([
  ['GET', '/idp/.well-known/openid-configuration'],
  ['POST', '/idp/token'],
  ['POST', '/idp/dev-token'],
  ['GET', '/idp/userinfo'],
  ['POST', '/authgear/oauth2/token'],
  ['GET', '/authgear/oauth2/userinfo'],
  ['POST', '/authgear/oauth2/revoke'],
  ['POST', '/authgear/dev-session'],
  ['POST', '/vital-auth/v1/token'],
  ['GET', '/nymbl/Patients'],
])('a page of this machine may call %s %s, after a preflight that the sandbox does not count', async (method, path) => {
  sandbox.resetCalls();
  const preflight = await fetch(sandbox.origin + path, {
    method: 'OPTIONS',
    headers: {
      origin: page,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization',
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe(page);
  expect(preflight.headers.get('access-control-allow-methods')).toBe(method);
  expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization');
  expect(Object.values(sandbox.calls()).flatMap(Object.keys)).toEqual([]);
  const response = await fetch(sandbox.origin + path, { method, headers: { origin: page } });
  expect(response.headers.get('access-control-allow-origin')).toBe(page);
  expect(response.headers.get('vary')).toBe('origin');
});

test('a fault keeps the headers that let a page read the response', async () => {
  sandbox.setFaults([{ vendor: 'idp', fault: { type: 'huge', bytes: 10 } }]);
  const { headers } = await fetch(`${sandbox.urls.idp}/jwks`, { headers: { origin: page } });
  sandbox.setFaults([]);
  expect(headers.get('access-control-allow-origin')).toBe(page);
});

test.each(['https://evil.example', 'null', 'http://localhost.evil.example'])(
  'a page of the origin %s may not read a response',
  async (origin) => {
    const { headers } = await fetch(`${sandbox.urls.idp}/jwks`, { headers: { origin } });
    expect(headers.get('access-control-allow-origin')).toBeNull();
    const preflight = { origin, 'access-control-request-method': 'POST' };
    const response = await fetch(`${sandbox.urls.idp}/dev-token`, { method: 'OPTIONS', headers: preflight });
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([404, null]);
  },
);

const statusOf = async (origin: string, host: string, path: string) =>
  (await rawRequest(origin, `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)).slice(9, 12);

test.each([
  ['127.0.0.1', '200'],
  ['localhost:8790', '200'],
  ['evil.example', '403'],
  ['127.0.0.1.evil.example', '403'],
])(
  'the sandbox responds to the host name %s with %s, because a page can point its name to this machine',
  async (host, status) => {
    for (const path of ['/', '/_calls', '/idp/dev-token?sub=alice']) {
      expect(await statusOf(sandbox.origin, host, path)).toBe(status);
    }
  },
);

test('the sandbox serves the configured host names', async () => {
  await using named = await createSandbox({ hostNames: ['sandbox'] });
  expect(await statusOf(named.origin, 'sandbox:8790', '/_calls')).toBe('200');
  expect(await statusOf(named.origin, 'other', '/_calls')).toBe('403');
});
