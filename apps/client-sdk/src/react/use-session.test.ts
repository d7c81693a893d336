// @vitest-environment happy-dom
import { createElement } from 'react';
import { expect, test } from 'vitest';
import { createSession } from '../session/session.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { createProbe, mount, settle } from '../testing/react.ts';
import { createFakeVendor } from '../testing/session-vendor.ts';
import type { ObservableLogin } from './use-login.ts';
import { useLogin } from './use-login.ts';
import { useSession, type ObservableSession } from './use-session.ts';

const createSessionProbe = () =>
  createProbe(({ session }: { readonly session: ObservableSession; readonly number?: number }) => useSession(session));

/** Creates a session, and says how often it was loaded. */
function createLoaded() {
  const session = createSession(createFakeVendor().vendor, { storage: memoryStorage() });
  let loadCount = 0;
  const load = () => {
    loadCount += 1;
    return session.load();
  };
  const observable: ObservableSession = {
    get state() {
      return session.state;
    },
    onStateChange: session.onStateChange,
    load,
  };
  return { session, observable, loadCount: () => loadCount };
}

test.each([true, false])('useSession loads the session once and follows it (StrictMode: %s)', async (isStrict) => {
  const { session, observable, loadCount } = createLoaded();
  const { Probe, seen, last } = createSessionProbe();

  await mount(createElement(Probe, { session: observable }), { isStrict });
  expect(seen[0]).toMatchObject({ status: 'unknown' });
  expect(last()).toMatchObject({ status: 'signed_out', reason: 'restored' });
  await settle(() => session.signIn('ticket-of-alice'));
  expect(last()).toMatchObject({ status: 'signed_in', details: { user: 'alice' } });
  await settle(() => session.signOut());

  expect(last()).toMatchObject({ status: 'signed_out', reason: 'signed_out' });
  expect(loadCount()).toBe(1);
});

test('useSession returns the same state until it changes, and that of another session at once', async () => {
  const [alice, bob] = [createLoaded(), createLoaded()];
  await alice.session.signIn('ticket-of-alice');
  const { Probe, last } = createSessionProbe();
  const { render } = await mount(createElement(Probe, { session: alice.observable }));
  const first = last();

  await render(createElement(Probe, { session: alice.observable, number: 2 }));
  expect(last()).toBe(first);
  await render(createElement(Probe, { session: bob.observable }));

  expect(last()).toMatchObject({ status: 'signed_out' });
  expect([alice.loadCount(), bob.loadCount()]).toEqual([1, 1]);
});

test('the status is unknown as long as the storage cannot be read', async () => {
  const load = () => Promise.reject(new Error('locked'));
  const { observable } = createLoaded();
  const { Probe, last } = createSessionProbe();

  await mount(createElement(Probe, { session: { ...observable, load } }));

  expect(last()).toMatchObject({ status: 'unknown' });
});

test('useLogin configures the login once, and follows its state and its user', async () => {
  const listeners = new Set<() => void>();
  let view: Pick<ObservableLogin, 'sessionState' | 'user'> = { sessionState: 'UNKNOWN', user: undefined };
  let configured = 0;
  const show = (sessionState: ObservableLogin['sessionState'], subject?: string) => {
    view = { sessionState, user: subject === undefined ? undefined : { issuer: 'https://identity.example', subject } };
    for (const listener of listeners) listener();
  };
  const login: ObservableLogin = {
    get sessionState() {
      return view.sessionState;
    },
    get user() {
      return view.user && { ...view.user };
    },
    onSessionStateChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    configure: async () => {
      configured += 1;
      show('NO_SESSION');
    },
  };
  const { Probe, seen } = createProbe((_properties: { readonly number?: number }) => useLogin(login));

  const { render, unmount } = await mount(createElement(Probe), { isStrict: true });
  await settle(() => show('AUTHENTICATED', 'alice'));
  await render(createElement(Probe, { number: 2 }));
  await settle(() => show('AUTHENTICATED', 'bob'));
  await unmount();

  expect([...new Set(seen)].map(({ sessionState, user }) => [sessionState, user?.subject])).toEqual([
    ['UNKNOWN', undefined],
    ['NO_SESSION', undefined],
    ['AUTHENTICATED', 'alice'],
    ['AUTHENTICATED', 'bob'],
  ]);
  expect([configured, listeners.size]).toEqual([1, 0]);
});
