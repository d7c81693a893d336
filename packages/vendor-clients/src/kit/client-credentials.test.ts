import { generateKeyPairSync } from 'node:crypto';
import { systemClock, type Clock } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { startVendorServer, type VendorServer } from '../testing/vendor-server.ts';
import { signClientAssertion } from './client-assertion.ts';
import { requestClientCredentialsToken, type GrantedToken } from './client-credentials.ts';
import { openDoor } from './door/door.ts';
import { readJwtPayload } from './jwt-payload.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const vendor = { id: 'acme', title: 'Acme' };
const grant = { access_token: 'a', token_type: 'Bearer', expires_in: 300 };

/** Returns a clock that is ahead of this machine's by some milliseconds. */
const clockAhead = (ms: number): Clock => ({ nowMs: () => Date.now() + ms, monotonicMs: systemClock.monotonicMs });

async function requestWith(
  server: VendorServer,
  { aheadMs = 0, secret }: { aheadMs?: number; secret?: string } = {},
): Promise<GrantedToken> {
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 5_000 });
  try {
    return await requestClientCredentialsToken(door.begin(), {
      authenticate: (nowMs) =>
        secret === undefined
          ? {
              client_assertion: signClientAssertion({
                clientId: 'c',
                privateKey,
                audience: 'https://acme.example',
                nowMs,
              }),
            }
          : { client_id: 'c', client_secret: secret },
      advice: 'Check `privateKey`.',
      clock: clockAhead(aheadMs),
    });
  } finally {
    await door.close();
  }
}

/** Returns the `iat` of the assertion in a form, in seconds from now. */
function issuedIn(form: string): number {
  const payload = readJwtPayload(new URLSearchParams(form).get('client_assertion') ?? '');
  return Number(payload?.['iat']) - Date.now() / 1_000;
}

test.each([-60_000, -10_000, 0, 1_000, 20_000])(
  'a vendor that refuses an iat in its future accepts an assertion at once when our clock is %i ms ahead',
  async (aheadMs) => {
    await using server = await startVendorServer({
      choose: ({ body }) => (issuedIn(body) <= 0 ? grant : { error: 'invalid_client' }),
    });
    expect(await requestWith(server, { aheadMs })).toMatchObject({ expiresInSeconds: 300 });
    expect(server.calls).toHaveLength(1);
  },
);

test.each([3_600_000, -3_600_000])(
  'requestClientCredentialsToken sends a refused assertion once more with the time of the vendor when our clock is %i ms ahead',
  async (aheadMs) => {
    await using server = await startVendorServer((response) => {
      response.writeHead(400).end('{"error":"invalid_client"}');
      server.respond({ json: grant });
    });
    expect(await requestWith(server, { aheadMs })).toMatchObject({ expiresInSeconds: 300 });
    expect(server.calls).toHaveLength(2);
    const issued = issuedIn(server.calls[1]?.body ?? '');
    expect(issued).toBeLessThan(-25);
    expect(issued).toBeGreaterThan(-60);
  },
);

test.each([
  [90_000, /^The clock of this machine is (89|90|91) seconds ahead of Acme's: synchronize it\. Check `privateKey`\.$/],
  [-90_000, /^The clock of this machine is (89|90|91) seconds behind Acme's: synchronize it\. Check `privateKey`\.$/],
  [0, /^Check `privateKey`\.$/],
])('the advice for a refused assertion names the clock only if it differs: %i ms ahead', async (aheadMs, advice) => {
  await using server = await startVendorServer({ status: 400, json: { error: 'invalid_client' } });
  await expect(requestWith(server, { aheadMs })).rejects.toMatchObject({
    code: 'vendor_auth_failed',
    cause: { type: 'oauth_error', error: 'invalid_client' },
    advice: expect.stringMatching(advice) as unknown,
  });
  expect(server.calls).toHaveLength(aheadMs === 0 ? 1 : 2);
});

test('requestClientCredentialsToken does not send a refused secret twice, whatever the clocks say', async () => {
  await using server = await startVendorServer({ status: 400, json: { error: 'invalid_client' } });
  await expect(requestWith(server, { aheadMs: 90_000, secret: 's' })).rejects.toMatchObject({
    code: 'vendor_auth_failed',
    advice: 'Check `privateKey`.',
  });
  expect(server.calls).toHaveLength(1);
});

test('a grant may begin with a byte order mark and name the end of its token instead of its lifetime', async () => {
  const expires_at = new Date(Date.now() + 100_000).toISOString();
  await using server = await startVendorServer({ text: `\uFEFF${JSON.stringify({ access_token: 'a', expires_at })}` });
  const { expiresInSeconds } = await requestWith(server);
  expect(expiresInSeconds).toBeGreaterThan(90);
  expect(expiresInSeconds).toBeLessThanOrEqual(101);
});

test.each([200, 400, 401, 403])('a temporary error of a token endpoint with status %i is temporary', async (status) => {
  const headers = { 'retry-after': '7' };
  for (const [error, code] of [
    ['temporarily_unavailable', 'vendor_unavailable'],
    ['server_error', 'vendor_unavailable'],
    ['slow_down', 'vendor_rate_limited'],
  ] as const) {
    await using server = await startVendorServer({ status, headers, json: { error } });
    await expect(requestWith(server, { secret: 's' })).rejects.toMatchObject({
      code,
      reason: error,
      cause: { type: 'vendor_status', status },
      retryAfterSeconds: 7,
    });
    expect(server.calls).toHaveLength(1);
  }
});

test('a grant request is repeated after a temporary error without Retry-After', async () => {
  await using server = await startVendorServer({ status: 400, json: { error: 'server_error' } }, { json: grant });
  expect(await requestWith(server, { secret: 's' })).toMatchObject({ expiresInSeconds: 300 });
  expect(server.calls).toHaveLength(2);
});

test.each([
  [200, 'invalid_client', 'vendor_auth_failed'],
  [400, 'invalid_client', 'vendor_auth_failed'],
  [401, 'invalid_client', 'vendor_auth_failed'],
  [200, 'unauthorized_client', 'vendor_auth_failed'],
  [200, 'invalid_scope', 'vendor_rejected'],
])('with status %i, the error %s of a token endpoint is %s', async (status, error, code) => {
  await using server = await startVendorServer({ status, json: { error } });
  await expect(requestWith(server, { secret: 's' })).rejects.toMatchObject({
    code,
    cause: { type: 'oauth_error', error },
  });
});

test('an unknown error with status 200 is an invalid response', async () => {
  await using server = await startVendorServer({ json: { error: 'unknown' } });
  await expect(requestWith(server, { secret: 's' })).rejects.toMatchObject({ code: 'vendor_response_invalid' });
});

test.each([400, 404, 500, 502, 503, 504])(
  'a page of a gateway with status %i says nothing about the client',
  async (status) => {
    await using server = await startVendorServer({ status, text: '<html>', headers: { 'content-type': 'text/html' } });
    await expect(requestWith(server, { secret: 's' })).rejects.toMatchObject({
      code: status < 500 ? 'vendor_rejected' : 'vendor_unavailable',
      ...(status < 500 && { cause: { type: 'intercepted', status } }),
    });
  },
);
