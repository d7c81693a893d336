// @vitest-environment happy-dom
import { inspect } from 'node:util';
import { Activity, createElement, startTransition, useState } from 'react';
import { expect, test } from 'vitest';
import type { IssueParameters } from '../client/call-options.ts';
import { createProbe, createTokenProbe, mount, settle } from '../testing/react.ts';
import { createTokenBroker } from '../testing/token-broker.ts';
import { useVendorToken } from './use-vendor-token.ts';

test('useVendorToken is loading at first and then returns the token, which stays the same object', async () => {
  const { valet, requests } = createTokenBroker();
  const { Probe, seen, last } = createProbe((properties: { readonly parameters?: IssueParameters }) =>
    useVendorToken(valet, 'nudge', properties.parameters),
  );

  const { render } = await mount(createElement(Probe));
  const first = last();
  await render(createElement(Probe, { parameters: {} }));

  expect(seen[0]).toMatchObject({ status: 'loading', response: undefined, error: undefined });
  expect(first).toMatchObject({ status: 'ready', response: { token: 'token-1 of nudge' }, error: undefined });
  expect(last()).toBe(first);
  expect(requests).toHaveLength(1);
});

test.each([
  ['has a refresh_after', { refresh_after: 240 }],
  ['may work only once', {}],
])('useVendorToken sends one request for a token that %s although StrictMode mounts twice', async (_, fields) => {
  const { valet, requests, issueWith, scheduledCount } = createTokenBroker();
  issueWith(fields);
  const { Probe, last } = createTokenProbe();

  const { unmount } = await mount(createElement(Probe, { valet }), { isStrict: true });

  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-1 of nudge' } });
  expect(requests).toHaveLength(1);
  await unmount();
  expect(scheduledCount()).toBe(0);
});

test('100 components show one token, with one request, and one more after a component refreshed it', async () => {
  const { valet, requests } = createTokenBroker();
  const probes = Array.from({ length: 100 }, createTokenProbe);
  const lasts = () => probes.map(({ last }) => last()?.response?.token);

  await mount(probes.map(({ Probe }, key) => createElement(Probe, { valet, key })));
  expect(new Set(lasts())).toEqual(new Set(['token-1 of nudge']));
  await settle(() => probes.slice(0, 50).forEach(({ last }) => last()?.refresh()));

  expect(new Set(lasts())).toEqual(new Set(['token-2 of nudge']));
  expect(requests).toHaveLength(2);
});

test('100 components send one request when their token is due', async () => {
  const { valet, requests, advance } = createTokenBroker();
  const probes = Array.from({ length: 100 }, createTokenProbe);
  await mount(probes.map(({ Probe }, key) => createElement(Probe, { valet, key })));

  await settle(() => advance(240_000));

  expect(new Set(probes.map(({ last }) => last()?.response?.token))).toEqual(new Set(['token-2 of nudge']));
  expect(requests).toHaveLength(2);
});

test('components of an app with another app token for each call end in no loop', async () => {
  let count = 0;
  const { valet, requests } = createTokenBroker(() => `app-token-${(count += 1)}`);
  const probes = Array.from({ length: 3 }, createTokenProbe);

  await mount(probes.map(({ Probe }, key) => createElement(Probe, { valet, key })));
  for (let turn = 0; turn < 10; turn += 1) await settle();

  expect(probes.map(({ last }) => last()?.status)).toEqual(['ready', 'ready', 'ready']);
  expect(requests.length).toBeLessThanOrEqual(6);
});

test('useVendorToken shows the token that other code of the app has renewed, without a request', async () => {
  const { valet, requests } = createTokenBroker();
  const { Probe, last } = createTokenProbe();
  await mount(createElement(Probe, { valet }));

  await settle(async () => valet.token('nudge', {}, { refused: await valet.token('nudge') }));

  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-2 of nudge' } });
  expect(requests).toHaveLength(2);
});

test.each([
  ['connection', { connection: 'acme' }],
  ['parameters', { parameters: { a: 1 } }],
  ['client', { other: true }],
])('after a change of the %s, no rendering shows the former token, even if it arrives late', async (what, change) => {
  const { valet, hold } = createTokenBroker();
  const another = createTokenBroker(() => 'bob');
  another.issueWith({ token: 'token of bob', refresh_after: 240 });
  const { Probe, seen, last } = createTokenProbe();
  const after = { valet: 'other' in change ? another.valet : valet, ...change, label: 'after' };
  const release = hold();
  const { render } = await mount(createElement(Probe, { valet, label: 'before' }));
  const releases = [hold(), another.hold()];
  await render(createElement(Probe, after));
  await settle(release);

  const shown = seen.filter(({ label }) => label === 'after').map(({ response }) => response?.token);
  expect(new Set(shown)).toEqual(new Set([undefined]));
  await settle(() => releases.forEach((releaseAfter) => releaseAfter()));
  const token = { connection: 'token-2 of acme', parameters: 'token-2 of nudge', client: 'token of bob' }[what];
  expect(last()).toMatchObject({ label: 'after', status: 'ready', response: { token } });
});

test('after a change from a token that is ready, the first rendering is loading, in a transition as well', async () => {
  const { valet } = createTokenBroker();
  const { Probe, seen } = createTokenProbe();
  let change: (connection: string) => void = () => undefined;
  function Parent() {
    const [connection, setConnection] = useState('nudge');
    change = setConnection;
    return createElement(Probe, { valet, connection, label: connection });
  }
  await mount(createElement(Parent));

  await settle(() => startTransition(() => change('acme')));
  await settle(() => change('nudge'));

  const shown = seen.map(({ label, status, response }) => [label, status, response?.token]);
  expect(shown).toEqual([
    ['nudge', 'loading', undefined],
    ['nudge', 'ready', 'token-1 of nudge'],
    ['acme', 'loading', undefined],
    ['acme', 'ready', 'token-2 of acme'],
    ['nudge', 'loading', undefined],
    ['nudge', 'ready', 'token-1 of nudge'],
  ]);
});

test('a component that unmounts keeps no token, ignores the response that comes late, and cannot refresh', async () => {
  const { valet, requests, hold, scheduledCount } = createTokenBroker();
  const { Probe, seen, last } = createTokenProbe();
  const release = hold();
  const { unmount } = await mount(createElement(Probe, { valet }));

  await unmount();
  await settle(release);
  await settle(() => last()?.refresh());

  expect(seen.map(({ status }) => status)).toEqual(['loading']);
  expect([requests.length, scheduledCount()]).toEqual([1, 0]);
});

test('a part of the page that React hid before signOut shows nothing of the former user when it comes back', async () => {
  let user = 'alice';
  const { valet } = createTokenBroker(() => user);
  const { Probe, seen, last } = createTokenProbe();
  const part = (mode: 'visible' | 'hidden', label: string) =>
    createElement(Activity, { mode, children: createElement(Probe, { valet, label }) });
  const { render } = await mount(part('visible', 'alice'));
  expect(last()).toMatchObject({ label: 'alice', status: 'ready' });

  await render(part('hidden', 'nobody'));
  user = 'bob';
  await settle(() => valet.signOut());
  await render(part('visible', 'bob'));

  expect(last()).toMatchObject({ label: 'bob', status: 'ready', response: { token: 'token-2 of nudge' } });
  const tokens = new Set(seen.filter(({ label }) => label === 'bob').map(({ response }) => response?.token));
  expect(tokens).toEqual(new Set([undefined, 'token-2 of nudge']));
});

test('a request that signOut ended while React hid the component is not taken for that of the next user', async () => {
  const { valet, requests, hold } = createTokenBroker();
  const { Probe, last } = createTokenProbe();
  const part = (mode: 'visible' | 'hidden') =>
    createElement(Activity, { mode, children: createElement(Probe, { valet }) });
  const release = hold();
  const { render } = await mount(part('visible'));
  await render(part('hidden'));

  // No microtask runs between signOut and the next mounting.
  await settle(() => {
    valet.signOut();
    release();
  });
  await render(part('visible'));

  expect(last()).toMatchObject({ status: 'ready', response: { token: 'token-2 of nudge' } });
  expect(requests).toHaveLength(2);
});

/** Returns all that React's DevTools can show of the hooks below an element. */
function describeHooks(container: object): string {
  const key = Object.keys(container).find((name) => name.startsWith('__reactContainer$')) ?? '';
  const states: unknown[] = [];
  const visit = (fiber: Record<string, unknown> | null) => {
    if (fiber === null) return;
    const { type, alternate, memoizedState, updateQueue } = fiber;
    const former = (alternate as typeof fiber)?.['memoizedState'];
    if (typeof type === 'function') states.push(memoizedState, updateQueue, former);
    visit(fiber['child'] as typeof fiber);
    visit(fiber['sibling'] as typeof fiber);
  };
  const { stateNode } = (container as Record<string, { stateNode: { current: Record<string, unknown> } }>)[key] ?? {};
  visit(stateNode?.current ?? null);
  return inspect(states, { depth: 30, showHidden: true, getters: true });
}

test("React's state, which its DevTools show, contains no token", async () => {
  const { valet } = createTokenBroker();
  const { Probe, last } = createTokenProbe();
  function Revealing() {
    return createElement('p', null, useState('token-1 of nudge')[0].length);
  }

  const { container } = await mount(createElement(Probe, { valet }));
  const { container: other } = await mount(createElement(Revealing));

  expect(last()).toMatchObject({ response: { token: 'token-1 of nudge' } });
  expect(describeHooks(container)).toContain("status: 'ready'");
  expect(describeHooks(container)).not.toContain('token-1');
  expect(describeHooks(other)).toContain('token-1');
});

const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;

test.each([
  ['a value that is no client', { valet: {} as never }, /^useVendorToken: the first argument must be a client/],
  ['parameters that JSON cannot contain', { parameters: cycle }, /not a JSON value/],
])('useVendorToken throws for %s', async (_, properties, message) => {
  const { valet } = createTokenBroker();
  const { Probe } = createTokenProbe();

  await expect(mount(createElement(Probe, { valet, ...properties }))).rejects.toThrow(message);
});
