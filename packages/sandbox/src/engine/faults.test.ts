import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, createSeededRandom, sandboxCredentials, type Fault, type Sandbox } from '../index.ts';
import { postJson, request, textField } from '../testing/request.ts';
import { rawExchange, rawRequest } from '../testing/raw-request.ts';

const authenticateRoute = 'GET /v1/server/jwt/patient/authenticate/{user_id}';

let sandbox: Sandbox;
let sleeps: number[];
beforeEach(async () => {
  sleeps = [];
  sandbox = await createSandbox({
    sleep: async (milliseconds) => {
      sleeps.push(milliseconds);
    },
  });
});
afterEach(() => sandbox.close());

const setFault = (fault: Fault) => sandbox.setFaults([{ vendor: 'nabla', fault }]);
const headers = { authorization: `Bearer ${sandboxCredentials.nabla.serverKey}` };
const authenticate = () => request(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`, { headers });

function createVitalUser() {
  const apiKey = { 'x-vital-api-key': sandboxCredentials.vital.apiKey };
  return postJson(`${sandbox.urls.vital}/v2/user`, { client_user_id: 'alice' }, apiKey);
}

const rawCall = `GET /nabla/v1/server/jwt/patient/authenticate/alice HTTP/1.1\r\nhost: localhost\r\nauthorization: ${headers.authorization}\r\n\r\n`;
const rawAuthenticate = (enough?: (received: string) => boolean) => rawRequest(sandbox.origin, rawCall, enough);
const bodyOf = (received: string) => received.slice(received.indexOf('\r\n\r\n') + 4);

test('every latency of a call delays its response, also a latency after the rule that decides', async () => {
  sandbox.setFaults([
    { vendor: 'nabla', fault: { type: 'latency', delayMs: 1200 } },
    { vendor: 'nabla', fault: { type: 'status', status: 503 } },
    { vendor: 'nabla', fault: { type: 'status', status: 500 }, count: 1 },
    { vendor: 'nabla', fault: { type: 'latency', delayMs: 300 } },
  ]);
  expect((await authenticate()).status).toBe(503);
  expect(sleeps).toEqual([1500]);
  expect(sandbox.faults(), 'a rule that does not decide keeps its count').toHaveLength(4);
});

test.each<[Fault]>([
  [{ type: 'hang' }],
  [{ type: 'latency', delayMs: 600_000 }],
  [{ type: 'drip', intervalMs: 600_000 }],
])('the fault %j holds one call until the sandbox closes, while other calls are processed', async (fault) => {
  await using slow = await createSandbox();
  slow.setFaults([{ vendor: 'nabla', fault }]);
  const held = request(`${slow.urls.nabla}/v1/server/jwt/patient/authenticate/alice`, { headers }).then(
    () => 'completed',
    () => 'cut off',
  );
  while (slow.calls().nabla[authenticateRoute] === undefined) await request(`${slow.urls.idp}/jwks`);
  expect(await Promise.race([held, Promise.resolve('still held')])).toBe('still held');
  await slow.close();
  expect(await held).toBe('cut off');
});

test.each<[Fault]>([[{ type: 'latency', delayMs: 1 }], [{ type: 'drip' }]])(
  'the sandbox stops waiting for %j as soon as the caller closes its socket',
  async (fault) => {
    const started = Promise.withResolvers<void>();
    const given = Promise.withResolvers<void>();
    let waits = 0;
    await using slow = await createSandbox({
      sleep: (_milliseconds, signal) => {
        waits += 1;
        started.resolve();
        signal.addEventListener('abort', () => given.resolve());
        return given.promise;
      },
    });
    slow.setFaults([{ vendor: 'idp', fault }]);
    const caller = new AbortController();
    const held = request(`${slow.urls.idp}/jwks`, { signal: caller.signal });
    await started.promise;
    caller.abort();
    await expect(held).rejects.toThrow('aborted');
    await given.promise;
    await slow.close();
    expect(waits).toBe(1);
  },
);

test('drip sends the body in chunks, with a pause after each', async () => {
  setFault({ type: 'drip', intervalMs: 20, chunkBytes: 100 });
  const response = await authenticate();
  expect(Object.keys(response.fields)).toEqual(['access_token', 'refresh_token']);
  expect(sleeps).toEqual(Array.from({ length: Math.ceil(response.text.length / 100) }, () => 20));
});

test.each(['before', 'after'] as const)('reset %s the call is processed sends an RST and no byte', async (when) => {
  setFault({ type: 'reset', when });
  expect(await rawExchange(sandbox.origin, rawCall)).toEqual({ received: '', ending: 'reset' });
  await expect(authenticate()).rejects.toMatchObject({
    cause: { code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) },
  });
});

test('reset in the middle of the body sends half of the body and then an RST', async () => {
  setFault({ type: 'reset', when: 'mid-body' });
  const { received, ending } = await rawExchange(sandbox.origin, rawCall);
  expect(ending).toBe('reset');
  expect(bodyOf(received)).toHaveLength(Number(/content-length: (\d+)/i.exec(received)?.[1]) >> 1);
  await expect(authenticate()).rejects.toThrow('terminated');
});

test.each<[Fault]>([
  [{ type: 'reset', when: 'after' }],
  [{ type: 'status', status: 502, when: 'after' }],
  [{ type: 'empty' }],
  [{ type: 'truncated' }],
])('the vendor processes a call although the fault %j loses its response', async (fault) => {
  sandbox.setFaults([{ vendor: 'vital', fault, count: 1 }]);
  await createVitalUser().catch(() => undefined);
  expect(sandbox.vital.users()).toHaveLength(1);
  expect((await createVitalUser()).status).toBe(400);
});

test('the sandbox does not process a call for which a fault sets the status, by default', async () => {
  sandbox.setFaults([{ vendor: 'vital', fault: { type: 'status', status: 500 } }]);
  expect((await createVitalUser()).status).toBe(500);
  expect(sandbox.vital.users()).toEqual([]);
});

test('status sends the body of the rule', async () => {
  setFault({ type: 'status', status: 200, body: { keys: [] } });
  expect(await authenticate()).toMatchObject({ status: 200, fields: { keys: [] } });
});

const retryAfters: readonly (readonly [
  NonNullable<Extract<Fault, { type: 'status' }>['retryAfter']>,
  string | null,
])[] = [
  [{ form: 'seconds', seconds: 1e9 }, '1000000000'],
  [{ form: 'garbage' }, 'soon'],
  [{ form: 'garbage', text: 'in a\t~while' }, 'in a\t~while'],
  [{ form: 'absent' }, null],
  [{ form: 'date', seconds: 3600 }, 'Tue, 27 Jan 2026 10:00:00 GMT'],
  [{ form: 'date', seconds: -86_400 }, 'Mon, 26 Jan 2026 09:00:00 GMT'],
];

test.each(retryAfters)(
  'a rate limit and a 503 response send the Retry-After %j by the clock of the sandbox',
  async (retryAfter, header) => {
    await using still = await createSandbox({
      clock: { nowMs: () => Date.parse('2026-01-27T09:00:00Z'), monotonicMs: () => 0 },
    });
    const faults: readonly Fault[] = [
      { type: 'rate-limit', retryAfter },
      { type: 'status', status: 503, retryAfter },
      { type: 'status', status: 503, retryAfter, body: 'busy' },
    ];
    for (const [index, fault] of faults.entries()) {
      still.setFaults([{ vendor: 'idp', fault }]);
      const response = await request(`${still.urls.idp}/jwks`);
      expect(response.status).toBe([429, 503, 503][index]);
      expect(response.headers.get('retry-after')).toBe(header);
    }
  },
);

test('a rate limit sends Retry-After of one second by default, and a status sends none', async () => {
  setFault({ type: 'rate-limit' });
  expect((await authenticate()).headers.get('retry-after')).toBe('1');
  setFault({ type: 'status', status: 503 });
  expect((await authenticate()).headers.get('retry-after')).toBeNull();
});

test.each<[string, Fault]>([
  ['retryAfter.text', { type: 'rate-limit', retryAfter: { form: 'garbage', text: 'a\r\nset-cookie: b' } }],
  ['retryAfter.text', { type: 'status', status: 503, retryAfter: { form: 'garbage', text: 'é' } }],
  ['retryAfter.seconds', { type: 'rate-limit', retryAfter: { form: 'seconds', seconds: 1.5 } }],
  ['retryAfter.seconds', { type: 'rate-limit', retryAfter: { form: 'seconds', seconds: -1 } }],
  ['retryAfter.seconds', { type: 'rate-limit', retryAfter: { form: 'seconds', seconds: Number.NaN } }],
  ['retryAfter.seconds', { type: 'rate-limit', retryAfter: { form: 'date', seconds: 1e12 } }],
  ['retryAfter.seconds', { type: 'rate-limit', retryAfter: { form: 'date', seconds: -1e12 } }],
  ['contentType', { type: 'wrong-content-type', contentType: 'text/html\n' }],
  ['location', { type: 'redirect', location: 'http://example.com/☃' }],
])('setFaults and PUT /_faults refuse a %s that no header can carry', async (field, fault) => {
  const rule = { vendor: 'nabla', fault } as const;
  expect(() => sandbox.setFaults([rule])).toThrow(TypeError);
  expect(() => sandbox.setFaults([rule])).toThrow(field);
  const put = await request(`${sandbox.origin}/_faults`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ faults: [rule] }),
  });
  expect([put.status, put.fields['error_description']]).toEqual([400, expect.stringContaining(field)]);
  expect(sandbox.faults()).toEqual([]);
});

test('malformed sends a complete body that is not JSON', async () => {
  setFault({ type: 'malformed' });
  const response = await authenticate();
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  expect(() => JSON.parse(response.text)).toThrow(SyntaxError);
});

test('truncated sends the Content-Length of the whole body, and half of the body', async () => {
  setFault({ type: 'truncated' });
  const { received, ending } = await rawExchange(sandbox.origin, rawCall);
  expect(ending).toBe('end');
  expect(bodyOf(received)).toHaveLength(Number(/content-length: (\d+)/i.exec(received)?.[1]) >> 1);
  await expect(authenticate()).rejects.toThrow('terminated');
});

test('huge sends valid JSON of the given size, and with gzip transfers few bytes', async () => {
  setFault({ type: 'huge', bytes: 5_000_000 });
  const response = await authenticate();
  expect(response.text).toHaveLength(5_000_000);
  expect(Object.keys(response.fields)).toEqual(['access_token', 'refresh_token']);
  setFault({ type: 'huge', bytes: 5_000_000, gzip: true });
  expect((await authenticate()).text).toHaveLength(5_000_000);
  const received = await rawAuthenticate((received) => received.endsWith('\r\n0\r\n\r\n'));
  expect(received.length).toBeLessThan(100_000);
});

test('wrong-content-type and empty leave the rest of the response unchanged', async () => {
  setFault({ type: 'wrong-content-type' });
  const labelled = await authenticate();
  expect([labelled.status, labelled.headers.get('content-type')]).toEqual([200, 'text/html']);
  expect(Object.keys(labelled.fields)).toEqual(['access_token', 'refresh_token']);
  setFault({ type: 'empty' });
  const response = await authenticate();
  expect([response.status, response.text, response.headers.get('content-type')]).toEqual([
    200,
    '',
    'application/json; charset=utf-8',
  ]);
});

test('extra-response sends a second response on the same socket, about a different user', async () => {
  setFault({ type: 'extra-response' });
  const received = await rawAuthenticate((received) => (received.match(/"refresh_token"/g) ?? []).length === 2);
  const [, first = '', second = ''] = received.split('HTTP/1.1 200');
  const subject = (part: string) => decodeJwt(/"access_token":"([^"]+)"/.exec(part)?.[1] ?? '').sub;
  expect([subject(first), subject(second)]).toEqual(['alice', 'wrong-user']);
});

test.each([undefined, 301, 302, 303, 307, 308] as const)(
  'redirect with status %s sends the given location',
  async (status) => {
    setFault({ type: 'redirect', location: 'http://127.0.0.1:1/elsewhere', status });
    const response = await authenticate();
    expect([response.status, response.headers.get('location'), response.text]).toEqual([
      status ?? 307,
      'http://127.0.0.1:1/elsewhere',
      '',
    ]);
  },
);

test('expired-token and unpublished-key make the verification of the tokens of a response fail', async () => {
  const jwks = createRemoteJWKSet(new URL(`${sandbox.urls.authgear}/oauth2/jwks`), { cooldownDuration: 0 });
  const logIn = async (type: 'expired-token' | 'unpublished-key') => {
    sandbox.setFaults([{ vendor: 'authgear', route: 'POST /dev-session', fault: { type } }]);
    return jwtVerify(
      textField(await postJson(`${sandbox.urls.authgear}/dev-session`, { sub: 'alice' }), 'access_token'),
      jwks,
    );
  };
  await expect(logIn('expired-token')).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
  await expect(logIn('unpublished-key')).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
});

test('a rule with a route and a count affects only that route, that many times', async () => {
  sandbox.setFaults([
    { vendor: 'nabla', route: 'POST /v1/patient/jwt/refresh', fault: { type: 'status', status: 500 } },
    { vendor: 'nabla', route: authenticateRoute, fault: { type: 'status', status: 503 }, count: 2 },
  ]);
  const statuses: number[] = [];
  for (let index = 0; index < 3; index += 1) statuses.push((await authenticate()).status);
  expect(statuses).toEqual([503, 503, 200]);
});

test('setFaults refuses an unknown route and names the known ones', () => {
  expect(() => sandbox.setFaults([{ vendor: 'nabla', route: 'GET /typo', fault: { type: 'hang' } }])).toThrow(
    authenticateRoute,
  );
});

test('a rule with a probability affects the same calls for the same seed', async () => {
  const series = async (seed: number) => {
    await using chancy = await createSandbox({ random: createSeededRandom(seed) });
    chancy.setFaults([{ vendor: 'idp', fault: { type: 'status', status: 500 }, probability: 0.3 }]);
    const statuses: number[] = [];
    for (let index = 0; index < 100; index += 1) statuses.push((await request(`${chancy.urls.idp}/nowhere`)).status);
    return statuses;
  };
  const first = await series(7);
  expect(await series(7)).toEqual(first);
  expect(await series(8)).not.toEqual(first);
  const struck = first.filter((status) => status === 500).length;
  expect(struck).toBeGreaterThan(15);
  expect(struck).toBeLessThan(45);
});

test('a call that a rule spares by its probability does not use up the count of the rule', async () => {
  const chances = [0.9, 0.1, 0.5, 0.4, 0];
  await using chancy = await createSandbox({ random: () => chances.shift() ?? 1 });
  chancy.setFaults([{ vendor: 'idp', fault: { type: 'status', status: 500 }, probability: 0.5, count: 2 }]);
  const statuses: number[] = [];
  const left: unknown[] = [];
  for (let index = 0; index < 5; index += 1) {
    statuses.push((await request(`${chancy.urls.idp}/jwks`)).status);
    left.push(chancy.faults()[0]?.count);
  }
  expect(statuses).toEqual([200, 500, 200, 500, 200]);
  expect(left).toEqual([2, 1, 1, undefined, undefined]);
});

test('the sandbox still responds after malformed, aborted, oversized and many concurrent requests', async () => {
  const hasHead = (received: string) => received.includes('\r\n\r\n');
  const requests: readonly (readonly [string, (received: string) => boolean])[] = [
    ['GET /%zz HTTP/1.1\r\nhost: localhost', hasHead],
    ['GET //nabla/../.. HTTP/1.1\r\nhost: localhost', hasHead],
    ['nonsense', hasHead],
    // The caller closes its socket in the middle of the body.
    ['POST /vital/v2/user HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5', () => true],
  ];
  for (const [head, enough] of requests) await rawRequest(sandbox.origin, `${head}\r\n\r\n`, enough);
  const large = await request(`${sandbox.urls.vital}/v2/user`, { method: 'POST', body: 'x'.repeat(2_000_000) });
  expect(large.status).toBe(413);
  const many = await Promise.all(Array.from({ length: 500 }, () => authenticate()));
  expect(new Set(many.map(({ status }) => status))).toEqual(new Set([200]));
});
