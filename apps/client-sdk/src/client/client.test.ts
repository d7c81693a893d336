import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { createValetClient } from './client.ts';
import { issued, json, problem, session, startFakeBroker } from '../testing/fake-broker.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { failureOf } from '../testing/failure.ts';
import type { ValetEvent } from './events.ts';

const appToken = 'app-token-canary';
const getAppToken = () => appToken;

test('issue sends a POST with the app token and resolves with the vendor fields and the envelope', async () => {
  const broker = await startFakeBroker(() => issued('nudge', { token: 'nudge-1' }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  const result = await valet.issue('nudge');

  expect(result).toMatchObject({ token: 'nudge-1', vendor: 'nudge' });
  expect(broker.requests).toHaveLength(1);
  expect(broker.requests[0]).toMatchObject({ method: 'POST', path: '/v1/vendors/nudge/token', body: '' });
  expect(broker.requests[0]?.headers.authorization).toBe(`Bearer ${appToken}`);
  expect(broker.requests[0]?.headers['content-type']).toBeUndefined();
});

test('issue accepts the name of a connection that differs from the id of its vendor', async () => {
  const envelope = { vendor: 'vital', connection: 'vital-eu', server_time: '2026-11-20T10:00:00.000Z' };
  const broker = await startFakeBroker(() => json({ ...envelope, sign_in_token: 'token-1' }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await valet.issue('vital-eu')).toMatchObject({ vendor: 'vital', connection: 'vital-eu' });
  expect(broker.requests[0]?.path).toBe('/v1/vendors/vital-eu/token');
});

test('issue sends parameters as JSON to a broker whose URL has a path', async () => {
  const broker = await startFakeBroker(() => issued('acme', { anything: 'goes' }));
  const valet = createValetClient({ brokerUrl: `${broker.url}/valet/`, getAppToken });

  await valet.issue('acme', { scope: 'read' });

  expect(broker.requests[0]).toMatchObject({ path: '/valet/v1/vendors/acme/token', body: '{"scope":"read"}' });
  expect(broker.requests[0]?.headers['content-type']).toBe('application/json');
});

test('session sends a GET and resolves with the subject and the vendors', async () => {
  const broker = await startFakeBroker(() => session('vital-user-1'));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  const result = await valet.session();

  expect(result.subject).toBe('alice');
  expect(result.vendors['vital']?.vendor_user_id).toBe('vital-user-1');
  expect(broker.requests[0]).toMatchObject({ method: 'GET', path: '/v1/session' });
});

test.each([null, undefined, ''])(
  'a call rejects with signed_out and sends nothing when getAppToken returns %j',
  async (nothing) => {
    const broker = await startFakeBroker(() => session());
    const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => nothing });

    expect(await failureOf(valet.session())).toMatchObject({ code: 'signed_out', retryable: false });
    expect(broker.requests).toHaveLength(0);
  },
);

test.each(['undefined', 'null', 'Bearer x', 'line\nbreak', ' padded ', 'sécret'])(
  'a call rejects with invalid_token and sends nothing when getAppToken returns %j',
  async (token) => {
    const broker = await startFakeBroker(() => session());
    const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => token });

    const error = await failureOf(valet.session());

    expect(error).toMatchObject({ code: 'invalid_token', retryable: false });
    expect(broker.requests).toHaveLength(0);
  },
);

test('a call rejects with app_token_unavailable, without the message of the error, when getAppToken throws', async () => {
  const valet = createValetClient({
    brokerUrl: 'http://127.0.0.1:1',
    getAppToken: () => {
      throw new Error(`keychain locked, token was ${appToken}`);
    },
  });

  const error = await failureOf(valet.session());

  expect(error).toMatchObject({ code: 'app_token_unavailable', retryable: true });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(appToken);
});

test('the client repeats a call once with a new app token after the broker responded with invalid_token', async () => {
  const broker = await startFakeBroker(({ headers }) =>
    headers.authorization === 'Bearer fresh' ? issued('nudge', { token: 'nudge-1' }) : problem(401, 'invalid_token'),
  );
  const forcedRefreshes: boolean[] = [];
  const valet = createValetClient({
    brokerUrl: broker.url,
    getAppToken: ({ forceRefresh }) => {
      forcedRefreshes.push(forceRefresh);
      return forceRefresh ? 'fresh' : 'stale';
    },
  });

  expect(await valet.issue('nudge')).toMatchObject({ token: 'nudge-1' });
  expect(forcedRefreshes).toEqual([false, true]);
  expect(broker.requests).toHaveLength(2);
});

test('a call rejects with invalid_token when the broker refuses the new app token as well', async () => {
  const broker = await startFakeBroker(() => problem(401, 'invalid_token'));
  let count = 0;
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => `token-${++count}` });

  expect(await failureOf(valet.session())).toMatchObject({ code: 'invalid_token', status: 401 });
  expect(broker.requests).toHaveLength(2);
});

test('the client does not repeat a call when getAppToken returns the refused token again', async () => {
  const broker = await startFakeBroker(() => problem(401, 'invalid_token'));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await failureOf(valet.session())).toMatchObject({ code: 'invalid_token', status: 401 });
  expect(broker.requests).toHaveLength(1);
});

test('100 refused calls share one renewal of the app token', async () => {
  const broker = await startFakeBroker(({ headers }) =>
    headers.authorization === 'Bearer fresh'
      ? issued('nabla', { access_token: 'a', refresh_token: 'r' })
      : problem(401, 'invalid_token'),
  );
  let current = 'stale';
  let renewalCount = 0;
  const valet = createValetClient({
    brokerUrl: broker.url,
    getAppToken: async ({ forceRefresh }) => {
      if (forceRefresh) {
        renewalCount += 1;
        current = 'fresh';
      }
      return current;
    },
  });

  await Promise.all(Array.from({ length: 100 }, () => valet.issue('nabla')));

  expect(renewalCount).toBe(1);
  expect(broker.requests).toHaveLength(200);
});

test('the client repeats a call with the renewed app token if the broker refuses it after another call renewed the token', async () => {
  const lateRefusal = Promise.withResolvers<void>();
  const broker = await startFakeBroker(async ({ path, headers }) => {
    if (headers.authorization === 'Bearer fresh') return path === '/v1/session' ? session() : issued('nabla', {});
    if (path !== '/v1/session') await lateRefusal.promise;
    return problem(401, 'invalid_token');
  });
  const forcedRefreshes: boolean[] = [];
  let current = 'stale';
  const valet = createValetClient({
    brokerUrl: broker.url,
    getAppToken: ({ forceRefresh }) => {
      forcedRefreshes.push(forceRefresh);
      if (forceRefresh) current = 'fresh';
      return current;
    },
  });

  const late = valet.issue('nabla');
  await valet.session();
  lateRefusal.resolve();
  await late;

  expect(forcedRefreshes).toEqual([false, false, true, false]);
});

test.each([
  [403, 'forbidden', undefined, false],
  [403, 'user_blocked', undefined, false],
  [429, 'rate_limited', 7, true],
  [500, 'internal', undefined, false],
  [502, 'vendor_auth_failed', undefined, false],
  [503, 'identity_unavailable', 30, true],
  [504, 'vendor_timeout', undefined, true],
  [503, 'a_code_of_a_newer_broker', 1, true],
] as const)(
  'a call rejects with the fields of the problem document if the broker responds %i %s',
  async (status, code, retryAfterSeconds, retryable) => {
    const headers = retryAfterSeconds === undefined ? undefined : { 'retry-after': String(retryAfterSeconds) };
    const broker = await startFakeBroker(() => problem(status, code, headers));
    const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

    const error = await failureOf(valet.issue('nabla'));

    expect(error).toMatchObject({
      name: 'ValetError',
      message: 'A detail.',
      code,
      status,
      remediation: 'A remediation.',
      requestId: 'request-1',
      vendor: 'nabla',
      retryAfterSeconds,
      retryable,
    });
    expect(broker.requests).toHaveLength(1);
  },
);

test.each([
  ['text instead of JSON', { body: 'token=x' }],
  ['a bare string', json('token')],
  ['an array', json([])],
  ['no server_time', json({ vendor: 'nudge', token: 'x' })],
  ['an invalid server_time', json({ vendor: 'nudge', token: 'x', server_time: 'soon' })],
  ['another connection', issued('nabla', { token: 'x' })],
])('issue rejects with response_invalid when the response contains %s', async (_, response) => {
  const broker = await startFakeBroker(() => response);
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await failureOf(valet.issue('nudge'))).toMatchObject({ code: 'response_invalid', retryable: false });
});

test.each([{ subject: 'alice' }, { subject: 1, vendors: {} }, { subject: 'alice', vendors: [] }])(
  'session rejects with response_invalid when the response is %j',
  async (fields) => {
    const broker = await startFakeBroker(() => json({ ...fields, server_time: '2026-11-20T10:00:00.000Z' }));
    const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

    expect(await failureOf(valet.session())).toMatchObject({ code: 'response_invalid' });
  },
);

test('a call rejects with response_invalid, retryable for 502 and 503 but not for 401, if a gateway responds', async () => {
  const responses = [
    { status: 502, body: '<html>' },
    { status: 401 },
    { status: 503, headers: { 'retry-after': '3' } },
  ].map((response) => ({ ...response, mark: 'none' as const }));
  const broker = await startFakeBroker(() => responses.shift() ?? {});
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await failureOf(valet.session())).toMatchObject({ code: 'response_invalid', status: 502, retryable: true });
  expect(await failureOf(valet.session())).toMatchObject({ code: 'response_invalid', status: 401, retryable: false });
  expect(await failureOf(valet.session())).toMatchObject({ status: 503, retryable: true, retryAfterSeconds: 3 });
});

test('a call rejects with network_unavailable when the broker is unreachable', async () => {
  const valet = createValetClient({ brokerUrl: 'http://127.0.0.1:1', getAppToken });

  expect(await failureOf(valet.session())).toMatchObject({ code: 'network_unavailable', retryable: true });
});

test('a call does not follow a redirect', async () => {
  const elsewhere = await startFakeBroker(() => session());
  const broker = await startFakeBroker(() => ({ status: 307, headers: { location: `${elsewhere.url}/v1/session` } }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await failureOf(valet.session())).toMatchObject({ code: 'network_unavailable' });
  expect(elsewhere.requests).toHaveLength(0);
});

test('a call times out when getAppToken hangs, and the client sends a token that arrives later nowhere', async () => {
  const { clock, advance, scheduledCount } = createVirtualClock();
  const late = Promise.withResolvers<string>();
  const signals: (AbortSignal | null | undefined)[] = [];
  const valet = createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken: ({ signal }) => {
      signals.push(signal);
      return late.promise;
    },
    fetch: async (_url, init) => {
      signals.push(init?.signal);
      throw new Error('must not be sent');
    },
    clock,
    timeoutMs: 5000,
  });

  const failure = failureOf(valet.session());
  advance(4999);
  expect(scheduledCount()).toBe(1);
  advance(1);
  expect(await failure).toMatchObject({ code: 'timeout', retryable: true });

  late.resolve(appToken);
  await new Promise((resolve) => setImmediate(resolve));
  expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
});

test('an aborted call leaves no timer behind, even if getAppToken never settles', async () => {
  const { clock, scheduledCount } = createVirtualClock();
  const valet = createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken: () => new Promise(() => undefined),
    clock,
  });

  const failure = failureOf(valet.session());
  expect(scheduledCount()).toBe(1);
  valet.signOut();

  expect(await failure).toMatchObject({ code: 'aborted' });
  expect(scheduledCount()).toBe(0);
});

test('a renewal of the app token that hangs times out, and the next call starts a new renewal', async () => {
  const broker = await startFakeBroker(({ headers }) =>
    headers.authorization === 'Bearer fresh' ? session() : problem(401, 'invalid_token'),
  );
  const { clock, advance } = createVirtualClock();
  const refreshing = Promise.withResolvers<void>();
  let renewalCount = 0;
  const valet = createValetClient({
    brokerUrl: broker.url,
    clock,
    getAppToken: ({ forceRefresh }) => {
      if (!forceRefresh) return 'stale';
      renewalCount += 1;
      refreshing.resolve();
      return renewalCount === 1 ? new Promise(() => undefined) : 'fresh';
    },
  });

  const failure = failureOf(valet.session());
  await refreshing.promise;
  advance(10_000);
  expect(await failure).toMatchObject({ code: 'timeout' });

  expect(await valet.session()).toMatchObject({ subject: 'alice' });
  expect(renewalCount).toBe(2);
});

test('a call times out when the broker does not respond', async () => {
  const arrived = Promise.withResolvers<void>();
  const broker = await startFakeBroker(() => {
    arrived.resolve();
    return new Promise(() => undefined);
  });
  const { clock, advance } = createVirtualClock();
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken, clock });

  const failure = failureOf(valet.issue('nabla'));
  await arrived.promise;
  advance(10_000);

  expect(await failure).toMatchObject({ code: 'timeout' });
});

test("a call rejects with aborted when the caller's signal aborts, before or during the request", async () => {
  const arrived = Promise.withResolvers<void>();
  const broker = await startFakeBroker(() => {
    arrived.resolve();
    return new Promise(() => undefined);
  });
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await failureOf(valet.session({ signal: AbortSignal.abort() }))).toMatchObject({ code: 'aborted' });
  expect(broker.requests).toHaveLength(0);

  const controller = new AbortController();
  const failure = failureOf(valet.issue('nabla', {}, { signal: controller.signal }));
  await arrived.promise;
  controller.abort();
  expect(await failure).toMatchObject({ code: 'aborted', retryable: false });
});

test('signOut rejects the calls under way with aborted, and the next call resolves', async () => {
  const arrived = Promise.withResolvers<void>();
  const mayRespond = Promise.withResolvers<void>();
  const broker = await startFakeBroker(async () => {
    arrived.resolve();
    await mayRespond.promise;
    return issued('nudge', { token: 'nudge-1' });
  });
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  const failures = [failureOf(valet.issue('nudge')), failureOf(valet.issue('nudge', {}, { shared: true }))];
  await arrived.promise;
  valet.signOut();
  const next = valet.issue('nudge', {}, { shared: true });
  mayRespond.resolve();

  expect(await failures[0]).toMatchObject({ code: 'aborted' });
  expect(await failures[1]).toMatchObject({ code: 'aborted' });
  expect(await next).toMatchObject({ token: 'nudge-1' });
});

test('shared calls share one request while it is under way, and a later call sends a new one', async () => {
  let count = 0;
  const broker = await startFakeBroker(() => issued('nudge', { token: `nudge-${++count}` }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  const results = await Promise.all(
    Array.from({ length: 100 }, () => valet.issue('nudge', undefined, { shared: true })),
  );
  expect(new Set(results.map(({ token }) => token))).toEqual(new Set(['nudge-1']));

  expect(await valet.issue('nudge', undefined, { shared: true })).toMatchObject({ token: 'nudge-2' });
  expect(broker.requests).toHaveLength(2);
});

test('shared calls with different parameters send separate requests', async () => {
  let count = 0;
  const broker = await startFakeBroker(() => issued('nudge', { token: `nudge-${++count}` }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  await Promise.all([
    valet.issue('nudge', { a: 1 }, { shared: true }),
    valet.issue('nudge', { a: 2 }, { shared: true }),
  ]);

  expect(broker.requests).toHaveLength(2);
});

test('a caller that aborts a shared call does not end the call for other callers', async () => {
  const arrived = Promise.withResolvers<void>();
  const mayRespond = Promise.withResolvers<void>();
  const broker = await startFakeBroker(async () => {
    arrived.resolve();
    await mayRespond.promise;
    return issued('nudge', { token: 'nudge-1' });
  });
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });
  const controller = new AbortController();

  const aborted = failureOf(valet.issue('nudge', {}, { shared: true, signal: controller.signal }));
  const other = valet.issue('nudge', {}, { shared: true });
  await arrived.promise;
  controller.abort();
  expect(await aborted).toMatchObject({ code: 'aborted' });
  mayRespond.resolve();
  expect(await other).toMatchObject({ token: 'nudge-1' });
});

test.each([-600_000, 0, 600_000])(
  'serverTimeOffsetMs is the difference to a device clock that is %i ms ahead of the broker',
  async (offMs) => {
    const broker = await startFakeBroker(() => session());
    const { clock } = createVirtualClock(Date.parse('2026-11-20T10:00:00.000Z') + offMs);
    const valet = createValetClient({ brokerUrl: broker.url, getAppToken, clock });

    expect(valet.serverTimeOffsetMs).toBeUndefined();
    await valet.session();
    expect(valet.serverTimeOffsetMs).toBe(0 - offMs);
  },
);

test('onEvent receives one event per call, and the client ignores an error that it throws', async () => {
  const responses = [session(), problem(503, 'vendor_unavailable'), { status: 404, body: 'not found' }];
  const broker = await startFakeBroker(() => responses.shift() ?? {});
  const events: ValetEvent[] = [];
  const onEvent = (event: ValetEvent) => {
    events.push(event);
    throw new Error('metrics are down');
  };
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken, onEvent, clock: createVirtualClock().clock });

  await valet.session();
  await failureOf(valet.issue('nabla'));
  await valet.fetch('nymbl', '/Patients');

  expect(events).toEqual([
    { operation: 'session', outcome: 'ok', durationMs: 0 },
    { operation: 'issue', vendor: 'nabla', outcome: 'vendor_unavailable', durationMs: 0, requestId: 'request-1' },
    { operation: 'proxy', vendor: 'nymbl', outcome: 'ok', durationMs: 0 },
  ]);
});

test('the client ignores the rejection of an asynchronous onEvent', async () => {
  const broker = await startFakeBroker(() => session());
  const rejections: unknown[] = [];
  const keep = (reason: unknown) => void rejections.push(reason);
  process.on('unhandledRejection', keep);
  onTestFinished(() => void process.off('unhandledRejection', keep));
  const onEvent = () => Promise.reject(new Error('metrics are down'));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken, onEvent });

  await valet.session();
  await new Promise((resolve) => setImmediate(resolve));

  expect(rejections).toEqual([]);
});

test('the client, its errors, its events and its URLs do not contain the app token', async () => {
  const responses = [problem(401, 'invalid_token'), problem(403, 'forbidden'), { body: 'not JSON' }];
  const broker = await startFakeBroker(() => responses.shift() ?? session());
  const seen: unknown[] = [];
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken, onEvent: (event) => seen.push(event) });
  seen.push(valet);
  for (let call = 0; call < 3; call += 1) seen.push(await failureOf(valet.session()));
  seen.push(await valet.session());

  const shown = seen.map((value) => inspect(value, { depth: 9, showHidden: true }) + JSON.stringify(value)).join('\n');

  expect(broker.requests.every(({ headers }) => headers.authorization?.includes(appToken))).toBe(true);
  expect(shown).toContain('forbidden');
  expect(shown).not.toContain(appToken);
  expect(broker.requests.map(({ path }) => path).join()).not.toContain(appToken);
});
