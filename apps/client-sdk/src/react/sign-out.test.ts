// @vitest-environment happy-dom
import { createElement } from 'react';
import { expect, test } from 'vitest';
import { createTokenProbe, mount, settle } from '../testing/react.ts';
import { createTokenBroker } from '../testing/token-broker.ts';

async function mountProbe(broker = createTokenBroker()) {
  const { Probe, seen, last } = createTokenProbe();
  await mount(createElement(Probe, { valet: broker.valet }));
  return { ...broker, seen, last };
}

test('signOut takes the token from a mounted component, which sends no request from then on', async () => {
  const { valet, last, advance, requests, scheduledCount } = await mountProbe();

  await settle(() => valet.signOut());
  expect(last()).toMatchObject({ status: 'signed_out', response: undefined, error: undefined });
  expect(scheduledCount()).toBe(0);
  await settle(() => advance(3_600_000));

  expect(requests).toHaveLength(1);
});

test('signOut during the first request leaves a component signed_out, and the late response is not shown', async () => {
  const broker = createTokenBroker();
  const release = broker.hold();
  const { valet, last, seen } = await mountProbe(broker);

  await settle(() => valet.signOut());
  await settle(release);

  expect(last()).toMatchObject({ status: 'signed_out' });
  expect(seen.map(({ status }) => status)).toEqual(['loading', 'signed_out']);
});

test("a mounted component shows the next user's token after the app requested it or the component refreshed", async () => {
  let user = 'alice';
  const { valet, last, requests } = await mountProbe(createTokenBroker(() => user));

  user = 'bob';
  await settle(() => valet.signOut());
  await settle(() => valet.token('nudge'));
  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-2 of nudge' } });
  await settle(() => valet.signOut());
  await settle(() => last()?.refresh());

  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-3 of nudge' } });
  expect(requests.map(({ appToken }) => appToken)).toEqual(['alice', 'bob', 'bob']);
});

test('a component is signed_out if the app has no user, also at a renewal', async () => {
  let user: string | null = null;
  const { last, advance, requests } = await mountProbe(createTokenBroker(() => user));
  expect(last()).toMatchObject({ status: 'signed_out', error: undefined });
  user = 'alice';
  await settle(() => last()?.refresh());
  expect(last()).toMatchObject({ status: 'ready' });
  user = null;

  await settle(() => advance(240_000));

  expect(last()).toMatchObject({ status: 'signed_out', response: undefined });
  expect(requests).toHaveLength(1);
});
