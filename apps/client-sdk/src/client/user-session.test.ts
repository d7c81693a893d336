import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { createValetClient } from './client.ts';
import { issued, problem, session, startFakeBroker } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { nudgeRefreshToken } from '../vendors/nudge.ts';

const brokerUrl = 'https://broker.example';
const marked = { headers: { 'valet-key': 'vendor' } };

test("a forced refresh that ends after signOut does not count as the next user's", async () => {
  const refreshOfAlice = Promise.withResolvers<string>();
  const refreshing = Promise.withResolvers<void>();
  const lateRefusal = Promise.withResolvers<void>();
  const bobAsked = Promise.withResolvers<void>();
  const broker = await startFakeBroker(async ({ headers }) => {
    if (headers.authorization === 'Bearer bob-2') return session();
    if (headers.authorization === 'Bearer bob-1') {
      bobAsked.resolve();
      await lateRefusal.promise;
    }
    return problem(401, 'invalid_token');
  });
  const forced: string[] = [];
  let user = 'alice';
  const valet = createValetClient({
    brokerUrl: broker.url,
    getAppToken: ({ forceRefresh }) => {
      if (forceRefresh) forced.push(user);
      if (!forceRefresh) return `${user}-1`;
      if (user === 'bob') return 'bob-2';
      refreshing.resolve();
      return refreshOfAlice.promise;
    },
  });

  const callOfAlice = failureOf(valet.session());
  await refreshing.promise;
  user = 'bob';
  valet.signOut();
  const callOfBob = valet.session();
  await bobAsked.promise;
  refreshOfAlice.resolve('alice-2');
  await new Promise((resolve) => setImmediate(resolve));
  lateRefusal.resolve();

  expect(await callOfAlice).toMatchObject({ code: 'aborted' });
  expect(await callOfBob).toMatchObject({ subject: 'alice' });
  expect(forced).toEqual(['alice', 'bob']);
  expect(broker.requests.map(({ headers }) => headers.authorization)).not.toContain('Bearer alice-2');
});

test.each(['signOut', 'the abort of its signal'])(
  'a call whose refusal arrives after %s does not ask getAppToken for a new token',
  async (end) => {
    const refusal = Promise.withResolvers<Response>();
    const asked: boolean[] = [];
    const valet = createValetClient({
      brokerUrl,
      getAppToken: ({ forceRefresh }) => {
        asked.push(forceRefresh);
        return 'app-token';
      },
      // This fetch ignores its signal.
      fetch: () => refusal.promise,
    });
    const controller = new AbortController();

    const failure = failureOf(valet.session({ signal: controller.signal }));
    await new Promise((resolve) => setImmediate(resolve));
    if (end === 'signOut') valet.signOut();
    else controller.abort();
    refusal.resolve(
      new Response('{"code":"invalid_token","request_id":"1"}', { status: 401, headers: { 'valet-key': 'broker' } }),
    );
    await new Promise((resolve) => setImmediate(resolve));

    expect(await failure).toMatchObject({ code: 'aborted' });
    expect(asked).toEqual([false]);
  },
);

/** Calls `signOut` the given number of microtasks after the body of a response has been read. */
async function signOutAfter(microtasks: number): Promise<'delivered before' | 'delivered after' | 'aborted'> {
  const body = JSON.stringify({ vendor: 'acme', connection: 'acme', server_time: '2026-11-20T10:00:00.000Z' });
  const response = new Response(body, { headers: { 'valet-key': 'broker' } });
  const read = Promise.withResolvers<void>();
  const text = async () => {
    read.resolve();
    return body;
  };
  Object.defineProperty(response, 'text', { value: text });
  const valet = createValetClient({ brokerUrl, getAppToken: () => 'app-token', fetch: async () => response });
  let isSignedOut = false;
  const outcome = valet.issue('acme').then(
    () => (isSignedOut ? ('delivered after' as const) : ('delivered before' as const)),
    () => 'aborted' as const,
  );

  await read.promise;
  for (let count = 0; count < microtasks; count += 1) await Promise.resolve();
  isSignedOut = true;
  valet.signOut();
  return outcome;
}

test('a result that is ready when signOut is called is not delivered, in whichever microtask that happens', async () => {
  const outcomes = await Promise.all(Array.from({ length: 40 }, (_, microtasks) => signOutAfter(microtasks)));

  expect(outcomes).toEqual(expect.arrayContaining(['aborted', 'delivered before']));
  // In the last microtask the promise is resolved already, and no code can take the result back.
  expect(outcomes.filter((outcome) => outcome === 'delivered after').length).toBeLessThanOrEqual(1);
});

test.each(['text', 'json', 'arrayBuffer', 'blob', 'formData'] as const)(
  'the %s of a proxied response that arrived before signOut rejects with aborted after it',
  async (name) => {
    const valet = createValetClient({
      brokerUrl,
      getAppToken: () => 'app-token',
      fetch: async () => new Response('{}', marked),
    });
    const [response, cloned] = [await valet.fetch('nymbl', '/x'), (await valet.fetch('nymbl', '/x')).clone()];

    valet.signOut();

    expect(await failureOf(response[name]())).toMatchObject({ code: 'aborted' });
    expect(await failureOf(cloned[name]())).toMatchObject({ code: 'aborted' });
  },
);

test('signOut ends a body that is being read, by a function or as a stream, and the request behind it', async () => {
  const signals: AbortSignal[] = [];
  const valet = createValetClient({
    brokerUrl,
    getAppToken: () => 'app-token',
    fetch: async (_url, init) => {
      if (init?.signal) signals.push(init.signal);
      const start = (stream: ReadableStreamDefaultController) =>
        init?.signal?.addEventListener('abort', () => stream.error(new Error('aborted')));
      return new Response(new ReadableStream({ start }), marked);
    },
  });
  const text = failureOf((await valet.fetch('nymbl', '/x')).text());
  const reader = (await valet.fetch('nymbl', '/x')).body?.getReader();
  const chunk = reader?.read();

  valet.signOut();

  expect(await text).toMatchObject({ code: 'aborted' });
  await expect(chunk).rejects.toThrow('aborted');
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
});

test('a body that ends too early rejects with network_unavailable, and a second reading with invalid_request', async () => {
  const start = (stream: ReadableStreamDefaultController) => stream.error(new TypeError('terminated'));
  const bodies = [new ReadableStream({ start }), 'not JSON'];
  const valet = createValetClient({
    brokerUrl,
    getAppToken: () => 'app-token',
    fetch: async () => new Response(bodies.shift(), marked),
  });

  expect(await failureOf((await valet.fetch('nymbl', '/x')).text())).toMatchObject({ code: 'network_unavailable' });
  const response = await valet.fetch('nymbl', '/x');
  await expect(response.json()).rejects.toThrow(SyntaxError);
  expect(await failureOf(response.text())).toMatchObject({ code: 'invalid_request' });
});

test('one client on a server never shares an account-bound token between users, nor a renewal', async () => {
  const broker = await startFakeBroker(({ headers, path }) => {
    const { authorization = '' } = headers;
    if (authorization.endsWith('blocked')) return problem(403, 'user_blocked');
    if (!authorization.endsWith('fresh')) return problem(401, 'invalid_token');
    return path === '/v1/session' ? session() : issued('nudge', { token: `nudge of ${authorization.slice(7)}` });
  });
  const request = new AsyncLocalStorage<string | null>();
  const valet = createValetClient({
    brokerUrl: broker.url,
    getAppToken: async ({ forceRefresh }) => {
      const user = request.getStore() ?? null;
      return forceRefresh && user !== null ? `${user}-fresh` : user;
    },
  });
  const refreshToken = nudgeRefreshToken(valet);
  const users = ['alice', 'bob', null, 'mallory-blocked', 'alice'];

  const tokens = await Promise.all(users.map((user) => request.run(user, refreshToken)));

  expect(tokens).toEqual(['nudge of alice-fresh', 'nudge of bob-fresh', null, null, 'nudge of alice-fresh']);
  const sent = broker.requests.map(({ headers }) => headers.authorization).toSorted();
  expect(sent).toEqual(
    ['alice', 'alice-fresh', 'bob', 'bob-fresh', 'mallory-blocked'].map((token) => `Bearer ${token}`),
  );
});

test('a refused call is renewed for its own user although another user of the client renewed meanwhile', async () => {
  const refusalOfBob = Promise.withResolvers<void>();
  const broker = await startFakeBroker(async ({ headers }) => {
    if (headers.authorization?.endsWith('fresh')) return session();
    if (headers.authorization === 'Bearer bob') await refusalOfBob.promise;
    return problem(401, 'invalid_token');
  });
  const request = new AsyncLocalStorage<string>();
  const valet = createValetClient({
    brokerUrl: broker.url,
    getAppToken: ({ forceRefresh }) => `${request.getStore()}${forceRefresh ? '-fresh' : ''}`,
  });

  const callOfBob = request.run('bob', () => valet.session());
  await request.run('alice', () => valet.session());
  refusalOfBob.resolve();

  expect(await callOfBob).toMatchObject({ subject: 'alice' });
  expect(broker.requests.at(-1)?.headers.authorization).toBe('Bearer bob-fresh');
});

test("a signOut of one user's client does not end the call of another user's", async () => {
  const mayRespond = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const broker = await startFakeBroker(async ({ headers }) => {
    if (broker.requests.length === 3) arrived.resolve();
    await mayRespond.promise;
    return issued('nudge', { token: headers.authorization ?? '' });
  });
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => 'base' });
  const [alice, bob] = ['alice', 'bob'].map((token) => valet.forUser(() => token));
  const call = (client = valet) => client.issue('nudge', {}, { shared: true });

  const calls = [call(), call(alice), failureOf(call(bob))];
  await arrived.promise;
  bob?.signOut();
  mayRespond.resolve();

  expect(await calls[0]).toMatchObject({ token: 'Bearer base' });
  expect(await calls[1]).toMatchObject({ token: 'Bearer alice' });
  expect(await calls[2]).toMatchObject({ code: 'aborted' });
});

test("clients of forUser share the measured offset of the broker's clock, and each can make further ones", async () => {
  const broker = await startFakeBroker(() => session());
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => null });

  await valet
    .forUser(() => 'alice')
    .forUser(() => 'bob')
    .session();

  expect(broker.requests[0]?.headers.authorization).toBe('Bearer bob');
  expect(valet.serverTimeOffsetMs).toBeTypeOf('number');
  expect(() => valet.forUser('token' as never)).toThrow(/forUser: `getAppToken` must be a function/);
});
