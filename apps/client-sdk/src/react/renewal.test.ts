// @vitest-environment happy-dom
import { createElement } from 'react';
import { expect, test } from 'vitest';
import { createTokenProbe, mount, setPageHidden, settle } from '../testing/react.ts';
import { createTokenBroker } from '../testing/token-broker.ts';

async function mountProbe(broker = createTokenBroker()) {
  const { Probe, seen, last } = createTokenProbe();
  await mount(createElement(Probe, { valet: broker.valet }));
  const advance = (byMs: number) => settle(() => broker.advance(byMs));
  /** Advances the time second by second. */
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) await advance(1000);
  };
  return { ...broker, seen, last, advance, pass };
}

test('a mounted component has a new token at refresh_after, and the former one until it arrives', async () => {
  const { last, seen, hold, advance, requests } = await mountProbe();
  const release = hold();

  await advance(239_999);
  expect(requests).toHaveLength(1);
  await advance(1);
  expect(requests).toHaveLength(2);
  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-1 of nudge' } });
  await settle(release);

  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-2 of nudge' } });
  expect(seen.map(({ status }) => status)).toEqual(['loading', 'ready', 'ready']);
});

test('a component that is mounted later renews the token when it is due, not when its own time is over', async () => {
  const broker = createTokenBroker();
  await broker.valet.token('nudge');
  broker.advance(200_500);
  const { last, pass } = await mountProbe(broker);

  await pass(39);
  expect(last()).toMatchObject({ response: { token: 'token-1 of nudge' } });
  await pass(1);

  expect(last()).toMatchObject({ response: { token: 'token-2 of nudge' } });
});

test('a component renews the token within a minute after a sleep in which the timers stood still', async () => {
  const { last, advance, stepTime } = await mountProbe();

  stepTime(3_600_000);
  await advance(60_000);

  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-2 of nudge' } });
});

test('a page that nobody sees renews nothing, and makes up for it when the user returns', async () => {
  const { last, seen, advance, requests, hold, scheduledCount } = await mountProbe();

  await setPageHidden(true);
  expect(scheduledCount()).toBe(0);
  await advance(250_000);
  expect(requests).toHaveLength(1);
  await setPageHidden(false);
  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-2 of nudge' } });

  await setPageHidden(true);
  await advance(400_000);
  const release = hold();
  await setPageHidden(false);
  expect(last()).toMatchObject({ status: 'loading', response: undefined });
  await settle(release);

  expect(seen.map(({ status }) => status)).toEqual(['loading', 'ready', 'ready', 'loading', 'ready']);
  expect(requests).toHaveLength(3);
});

test('a component in a page that nobody sees yet requests its first token', async () => {
  await setPageHidden(true);

  const { last, scheduledCount } = await mountProbe();

  expect(last()).toMatchObject({ status: 'ready' });
  expect(scheduledCount()).toBe(0);
  await setPageHidden(false);
  expect(scheduledCount()).toBe(1);
});

test('a component asks again 30 seconds after a failure that a retry may mend, and is loading meanwhile', async () => {
  const broker = createTokenBroker();
  broker.fail(503, 'vendor_unavailable');
  const { last, pass, requests, seen } = await mountProbe(broker);
  expect(last()).toMatchObject({ status: 'error', response: undefined, error: { code: 'vendor_unavailable' } });

  await pass(29);
  expect(requests).toHaveLength(1);
  await pass(1);

  expect(last()).toMatchObject({ status: 'ready', error: undefined });
  expect(seen.map(({ status }) => status)).toEqual(['loading', 'error', 'loading', 'ready']);
});

test.each([
  ['120', 120],
  ['0', 1],
])('a component asks again after the seconds that the broker states (Retry-After %s): %i', async (value, seconds) => {
  const broker = createTokenBroker();
  broker.fail(429, 'rate_limited', { 'retry-after': value });
  const { pass, requests } = await mountProbe(broker);

  await pass(seconds - 1);
  expect(requests).toHaveLength(1);
  await pass(1);

  expect(requests).toHaveLength(2);
});

test('a component asks again after a failure that no retry mends only if the app refreshes', async () => {
  const broker = createTokenBroker();
  broker.fail(403, 'forbidden');
  const { last, advance, requests } = await mountProbe(broker);

  await advance(3_600_000);
  expect(requests).toHaveLength(1);
  expect(last()).toMatchObject({ status: 'error', error: { code: 'forbidden' } });
  await settle(() => {
    last()?.refresh();
    last()?.refresh();
  });

  expect(last()).toMatchObject({ status: 'ready', error: undefined });
  expect(requests).toHaveLength(2);
});

test('a token whose renewal failed stays until it expires, with the error, and is never shown after that', async () => {
  const { last, advance, fail, requests } = await mountProbe();
  fail(403, 'forbidden');

  await advance(240_000);
  expect(last()).toMatchObject({
    status: 'ready',
    response: { token: 'token-1 of nudge' },
    error: { code: 'forbidden' },
  });
  await advance(59_999);
  expect(last()).toMatchObject({ status: 'ready' });
  await advance(1);

  expect(last()).toMatchObject({ status: 'error', response: undefined, error: { code: 'forbidden' } });
  expect(requests).toHaveLength(2);
});

test('a token whose renewal is still under way at its expiry is not shown after it', async () => {
  const { last, advance, hold } = await mountProbe();
  const release = hold();

  await advance(240_000);
  for (const _ of [1, 2, 3, 4, 5, 6, 7]) await advance(9000);
  expect(last()?.response).toBe(undefined);
  release();
  await advance(30_000);

  expect(last()).toMatchObject({ status: 'ready' });
});

test('a token without refresh_after is renewed at its expiry, and one without either is never', async () => {
  const broker = createTokenBroker();
  broker.issueWith({ expires_in: 100 });
  const { last, advance, issueWith, requests, scheduledCount } = await mountProbe(broker);
  issueWith({});

  await advance(99_999);
  expect(last()).toMatchObject({ response: { token: 'token-1 of nudge' } });
  await advance(1);

  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-2 of nudge' } });
  expect(scheduledCount()).toBe(0);
  expect(requests).toHaveLength(2);
});

test('a token that is due when it arrives is renewed once in a second, and not at once', async () => {
  const broker = createTokenBroker();
  broker.issueWith({ expires_in: 300, refresh_after: 0 });
  const { pass, requests } = await mountProbe(broker);

  await pass(5);

  expect(requests).toHaveLength(6);
});

test('a token that is valid for months is not renewed early', async () => {
  const broker = createTokenBroker();
  broker.issueWith({ expires_in: 10_000_000, refresh_after: 9_000_000 });
  const { advance, requests } = await mountProbe(broker);

  for (let day = 0; day < 100; day += 1) await advance(86_400_000);
  expect(requests).toHaveLength(1);
  await advance(5 * 86_400_000);

  expect(requests).toHaveLength(2);
});
