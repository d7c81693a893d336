import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { createValetClient } from './client.ts';
import { issued, problem, startFakeBroker, type FakeResponse } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';

/** Creates a client of a broker that numbers its tokens. Each one is due for a refresh after 240 seconds. */
async function valetOf(
  respond?: (count: number, authorization?: string) => FakeResponse,
  getAppToken: () => string = () => 'app-token',
  virtual = createVirtualClock(),
) {
  let count = 0;
  const broker = await startFakeBroker(({ path, headers }) => {
    count += 1;
    const vendor = path.split('/')[3] ?? '';
    const fields = { token: `token-${count}`, expires_in: 300, refresh_after: 240 };
    return respond?.(count, headers.authorization) ?? issued(vendor, fields);
  });
  return { broker, valet: createValetClient({ brokerUrl: broker.url, getAppToken, clock: virtual.clock }), ...virtual };
}

test('token keeps a token until its refresh_after, and then requests a new one', async () => {
  const { valet, broker, advance } = await valetOf();

  expect(await valet.token('nudge')).toMatchObject({ token: 'token-1', connection: 'nudge' });
  advance(239_999);
  expect(await valet.token('nudge')).toMatchObject({ token: 'token-1' });
  advance(1);
  expect(await valet.token('nudge')).toMatchObject({ token: 'token-2' });
  expect(broker.requests).toHaveLength(2);
});

test.each([
  ['set back by an hour', -3_600_000, 240_000],
  ['ahead after a sleep in which the monotonic clock stood still', 240_000, 0],
])("token requests a new token when the device's time is %s", async (_, stepMs, elapsedMs) => {
  const { valet, advance, stepTime } = await valetOf();

  await valet.token('nudge');
  stepTime(stepMs);
  advance(elapsedMs);

  expect(await valet.token('nudge')).toMatchObject({ token: 'token-2' });
});

test('1,000 callers of token at the same time send one request, and each receives an object of its own', async () => {
  const { valet, broker } = await valetOf();

  const tokens = await Promise.all(Array.from({ length: 1000 }, () => valet.token('nudge')));

  expect(new Set(tokens.map(({ token }) => token))).toEqual(new Set(['token-1']));
  expect(new Set(tokens).size).toBe(1000);
  expect(broker.requests).toHaveLength(1);
});

test('1,000 callers of token at the moment when the kept token is due send one request', async () => {
  const { valet, broker, advance } = await valetOf();
  await valet.token('nudge');
  advance(240_000);

  const tokens = await Promise.all(Array.from({ length: 1000 }, () => valet.token('nudge')));

  expect(new Set(tokens.map(({ token }) => token))).toEqual(new Set(['token-2']));
  expect(broker.requests).toHaveLength(2);
});

test('token sends one request for callers that come in each microtask around the arrival of a renewed token', async () => {
  let count = 0;
  const { clock, advance } = createVirtualClock();
  const fetch = async () => {
    count += 1;
    const body = { vendor: 'nudge', connection: 'nudge', server_time: '2026-11-20T10:00:00.000Z', refresh_after: 240 };
    return new Response(JSON.stringify(body), { headers: { 'valet-key': 'broker' } });
  };
  const valet = createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => 'a', clock, fetch });
  await valet.token('nudge');
  advance(240_000);

  const calls: Promise<unknown>[] = [];
  for (let microtask = 0; microtask < 200; microtask += 1) {
    calls.push(valet.token('nudge'));
    await Promise.resolve();
  }
  await Promise.all(calls);

  expect(count).toBe(2);
});

test('token says how many seconds of a kept token are left', async () => {
  const { valet, advance } = await valetOf();

  expect(await valet.token('nudge')).toMatchObject({ expires_in: 300, refresh_after: 240 });
  advance(100_500);
  expect(await valet.token('nudge')).toMatchObject({ token: 'token-1', expires_in: 200, refresh_after: 140 });
});

test('token counts the life of a token from its request, because the device may sleep before the response', async () => {
  const virtual = createVirtualClock();
  const respond = (count: number) => {
    if (count === 1) virtual.stepTime(250_000);
    return issued('nudge', { token: `token-${count}`, expires_in: 300, refresh_after: 240 });
  };
  const { valet } = await valetOf(respond, undefined, virtual);

  expect(await valet.token('nudge')).toMatchObject({ token: 'token-1', expires_in: 50, refresh_after: 0 });
  expect(await valet.token('nudge')).toMatchObject({ token: 'token-2', expires_in: 300, refresh_after: 240 });
});

test('token requests a new token once after the vendor refused the kept one, however many callers say so', async () => {
  const { valet, broker } = await valetOf();
  const [refused, same] = [await valet.token('nudge'), await valet.token('nudge')];

  const renewed = await Promise.all([refused, same].map((copy) => valet.token('nudge', {}, { refused: copy })));
  const late = await valet.token('nudge', {}, { refused });
  const unknown = await valet.token('nudge', {}, { refused: { ...late } });

  expect([...renewed, late, unknown].map(({ token }) => token)).toEqual(Array(4).fill('token-2'));
  expect(broker.requests).toHaveLength(2);
});

test('token takes empty parameters for none', async () => {
  const { valet, broker } = await valetOf();

  await Promise.all([valet.token('nudge'), valet.token('nudge', {})]);

  expect(broker.requests).toHaveLength(1);
});

test('token gives a token without refresh_after, which may work only once, to one caller alone', async () => {
  const { valet } = await valetOf((count) => issued('vital', { user_id: 'u', sign_in_token: `once-${count}` }));

  const results = [...(await Promise.all([1, 2, 3].map(() => valet.token('vital')))), await valet.token('vital')];

  expect(new Set(results.map(({ sign_in_token }) => sign_in_token)).size).toBe(4);
});

test('token keeps no failure', async () => {
  const { valet } = await valetOf((count) => (count === 1 ? problem(503, 'vendor_unavailable') : issued('nudge', {})));

  expect(await failureOf(valet.token('nudge'))).toMatchObject({ code: 'vendor_unavailable' });
  expect(await valet.token('nudge')).toMatchObject({ vendor: 'nudge' });
});

test('token keeps the tokens of other connections and parameters apart', async () => {
  const { valet, broker } = await valetOf();

  for (const parameters of [undefined, { a: 1 }, { a: 2 }]) await valet.token('nudge', parameters);
  await valet.token('acme');
  await valet.token('nudge', { a: 2 });

  expect(broker.requests).toHaveLength(4);
});

test('signOut drops the tokens, and issue never returns a kept one', async () => {
  const { valet } = await valetOf();

  await valet.token('nudge');
  expect(await valet.issue('nudge', {}, { shared: true })).toMatchObject({ token: 'token-2' });
  valet.signOut();

  expect(await valet.token('nudge')).toMatchObject({ token: 'token-3' });
});

test('token of one client on a server never returns the token of another user', async () => {
  const request = new AsyncLocalStorage<string | null>();
  const { valet } = await valetOf(
    (_count, authorization) => issued('nudge', { token: `nudge of ${authorization}`, refresh_after: 240 }),
    () => request.getStore() as string,
  );

  const tokenOf = (user: string | null) => request.run(user, () => valet.token('nudge'));

  expect(await tokenOf('alice')).toMatchObject({ token: 'nudge of Bearer alice' });
  expect(await tokenOf('bob')).toMatchObject({ token: 'nudge of Bearer bob' });
  expect(await failureOf(tokenOf(null))).toMatchObject({ code: 'signed_out' });
});

test('token keeps at most 1,000 tokens', async () => {
  const { valet, broker } = await valetOf();

  await valet.token('acme', { number: -1 });
  for (let number = 0; number < 1000; number += 1) await valet.token('acme', { number });
  await valet.token('acme', { number: 999 });
  expect(broker.requests).toHaveLength(1001);

  await valet.token('acme', { number: -1 });
  expect(broker.requests).toHaveLength(1002);
});
