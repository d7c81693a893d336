import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createValetClient } from './client.ts';
import { issued, problem, session, startFakeBroker } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import type { ValetClient } from './client.ts';

const getAppToken = () => 'app-token';
const secret = 'secret-canary';

function offlineClient(): ValetClient {
  return createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken,
    fetch: () => Promise.reject(new TypeError(`fetch failed: ${secret}`)),
  });
}

const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;
const locked = new Blob(['x']).stream();
locked.getReader();

/** Calls that JavaScript can make although the types forbid them. */
const invalidCalls: [string, (valet: ValetClient) => Promise<unknown>][] = [
  ['fetch without a path', (valet) => valet.fetch('nymbl', undefined as unknown as string)],
  ['fetch without a vendor', (valet) => valet.fetch(undefined as unknown as string, '/x')],
  ['fetch with a number as init', (valet) => valet.fetch('nymbl', '/x', 1 as unknown as RequestInit)],
  [
    'fetch with a line break in a header',
    (valet) => valet.fetch('nymbl', '/x', { headers: { 'x-a': `${secret}\n.` } }),
  ],
  [
    'fetch with a header in another script',
    (valet) => valet.fetch('nymbl', '/x', { headers: { 'x-a': `${secret}日` } }),
  ],
  ['fetch with an invalid header name', (valet) => valet.fetch('nymbl', '/x', { headers: { [secret + ' ']: 'x' } })],
  ['fetch with a GET body', (valet) => valet.fetch('nymbl', '/x', { body: secret })],
  ['fetch with the method CONNECT', (valet) => valet.fetch('nymbl', '/x', { method: 'CONNECT' })],
  ['fetch with an invalid method', (valet) => valet.fetch('nymbl', '/x', { method: `${secret} ` })],
  ['fetch with a locked stream', (valet) => valet.fetch('nymbl', '/x', { method: 'POST', body: locked })],
  ['fetch with a signal that is none', (valet) => valet.fetch('nymbl', '/x', { signal: {} as AbortSignal })],
  ['issue without a vendor', (valet) => valet.issue(null as unknown as string)],
  ['issue with a cyclic parameter', (valet) => valet.issue('acme', cyclic)],
  ['issue with a BigInt', (valet) => valet.issue('acme', { secret: 1n })],
  ['issue with a shared BigInt', (valet) => valet.issue('acme', { secret: 1n }, { shared: true })],
  ['issue with a list of parameters', (valet) => valet.issue('acme', [secret] as unknown as Record<string, unknown>)],
  ['issue with a signal that is none', (valet) => valet.issue('acme', {}, { signal: 'x' as unknown as AbortSignal })],
  ['issue with an unknown option', (valet) => valet.issue('acme', {}, { [secret]: true } as object)],
  ['issue with text as options', (valet) => valet.issue('acme', {}, secret as unknown as object)],
  ['session with an unknown option', (valet) => valet.session({ shared: true } as object)],
];

test.each(invalidCalls)('%s rejects with invalid_request, without the value that was passed', async (_, call) => {
  const error = await failureOf(call(offlineClient()));

  expect(error).toMatchObject({ code: 'invalid_request', retryable: false, remediation: expect.any(String) });
  expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toContain(secret);
});

test('null instead of options, parameters or init counts as absent', async () => {
  const broker = await startFakeBroker(({ path }) => (path === '/v1/session' ? session() : issued('nudge', {})));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });
  const absent = null as unknown as undefined;

  await valet.session(absent);
  await valet.issue('nudge', absent, absent);
  await valet.fetch('nudge', '/x', absent);

  expect(broker.requests).toHaveLength(3);
});

test('a call rejects with internal, without the message, when something outside the client throws', async () => {
  const throwing = {
    get signal(): AbortSignal {
      throw new TypeError(secret);
    },
  };

  const error = await failureOf(offlineClient().session(throwing));

  expect(error).toMatchObject({ code: 'internal' });
  expect(inspect(error)).not.toContain(secret);
});

test('what getAppToken threw is the cause of app_token_unavailable, which no printer of errors shows', async () => {
  const thrown = new Error(`keychain locked, token was ${secret}`);
  const valet = createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken: () => Promise.reject(thrown),
  });

  const error = await failureOf(valet.session());

  expect(error.cause).toBe(thrown);
  expect(Object.hasOwn(error, 'cause')).toBe(false);
  const shown = [
    JSON.stringify(error),
    inspect(error, { depth: 9, showHidden: true }),
    `${error}`,
    JSON.stringify({ ...error }),
  ];
  expect(shown.join()).not.toContain(secret);
  expect(inspect(error)).toMatch(/^ValetError: `getAppToken` threw[^]*code: 'app_token_unavailable'/);
});

test('50 refused calls, even one after another, ask an identity provider that is down only once in 5 seconds', async () => {
  const broker = await startFakeBroker(() => problem(401, 'invalid_token'));
  const { clock, advance } = createVirtualClock();
  const down = new Error('identity provider is down');
  let refreshCount = 0;
  const valet = createValetClient({
    brokerUrl: broker.url,
    clock,
    getAppToken: ({ forceRefresh }) => {
      if (!forceRefresh) return 'stale';
      refreshCount += 1;
      throw down;
    },
  });

  const parallel = await Promise.all(Array.from({ length: 25 }, () => failureOf(valet.session())));
  const failures = [...parallel];
  for (let call = 0; call < 25; call += 1) failures.push(await failureOf(valet.session()));

  expect(refreshCount).toBe(1);
  expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['app_token_unavailable']));
  expect(new Set(failures.map(({ cause }) => cause))).toEqual(new Set([down]));
  expect(failures.at(-1)).toMatchObject({ retryable: true, retryAfterSeconds: 5 });

  advance(5000);
  await failureOf(valet.session());
  expect(refreshCount).toBe(2);
});

test('a failed renewal of one token does not delay the renewal of another token', async () => {
  const broker = await startFakeBroker(({ headers }) =>
    headers.authorization === 'Bearer fresh' ? session() : problem(401, 'invalid_token'),
  );
  let current = 'first';
  const valet = createValetClient({
    brokerUrl: broker.url,
    getAppToken: ({ forceRefresh }) => {
      if (forceRefresh && current === 'first') throw new Error('down');
      return forceRefresh ? 'fresh' : current;
    },
  });

  expect(await failureOf(valet.session())).toMatchObject({ code: 'app_token_unavailable' });
  current = 'second';
  expect(await valet.session()).toMatchObject({ subject: 'alice' });
});

test.each([
  ['Fri, 20 Nov 2026 10:02:00 GMT', 'Fri, 20 Nov 2026 10:00:30 GMT', 90],
  ['Fri, 20 Nov 2026 10:00:00 GMT', 'Fri, 20 Nov 2026 10:00:30 GMT', 0],
  ['Friday, 20-Nov-26 10:02:00 GMT', 'Fri, 20 Nov 2026 10:00:30 GMT', undefined],
  ['2026-11-20', 'Fri, 20 Nov 2026 10:00:30 GMT', undefined],
  ['soon', 'Fri, 20 Nov 2026 10:00:30 GMT', undefined],
])('the Retry-After %s of a response with the Date %s gives %s seconds', async (retryAfter, date, seconds) => {
  const broker = await startFakeBroker(() => problem(503, 'vendor_unavailable', { 'retry-after': retryAfter, date }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await failureOf(valet.issue('nabla'))).toMatchObject({
    code: 'vendor_unavailable',
    retryAfterSeconds: seconds,
  });
});

test("a date in Retry-After is compared with the broker's time if the page cannot read Date", async () => {
  const { clock } = createVirtualClock(Date.parse('2026-11-20T11:00:00.000Z'));
  const headers = { 'valet-key': 'broker', 'content-type': 'application/problem+json' };
  const server_time = '2026-11-20T10:00:00.000Z';
  const responses = [
    new Response(JSON.stringify({ subject: 'alice', vendors: {}, server_time }), { headers }),
    new Response(JSON.stringify({ code: 'overloaded', detail: 'x', request_id: '1' }), {
      status: 503,
      headers: { ...headers, 'retry-after': 'Fri, 20 Nov 2026 10:00:20 GMT' },
    }),
  ];
  const valet = createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken,
    clock,
    fetch: async () => responses.shift() ?? new Response(),
  });
  await valet.session();

  expect(await failureOf(valet.session())).toMatchObject({ code: 'overloaded', retryAfterSeconds: 20 });
});
