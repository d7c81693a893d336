import { expect, test } from 'vitest';
import { createTokenBroker } from '../testing/token-broker.ts';
import { loading, VendorTokenStore } from './vendor-token-store.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Creates a store that shows a token, and what it tells React. */
function listen(broker = createTokenBroker()) {
  const store = new VendorTokenStore(broker.valet, 'nudge', undefined);
  const seen: unknown[] = [];
  const subscribe = () => store.subscribe(() => void seen.push(store.snapshot()));
  return { ...broker, store, seen, subscribe };
}

test('a former snapshot shows no token once the user signed out', async () => {
  const { store, subscribe, valet } = listen();
  subscribe();
  await turn();
  const former = store.snapshot();
  expect(store.tokenOf(former)).toMatchObject({ status: 'ready' });

  valet.signOut();

  expect(store.tokenOf(former)).toMatchObject({ status: 'loading', response: undefined });
});

test('a request that signOut ended between two mountings is not taken for that of the next user', async () => {
  const { store, subscribe, valet, requests, hold } = listen();
  const release = hold();
  const unsubscribe = subscribe();
  await turn();

  unsubscribe();
  valet.signOut();
  subscribe();
  release();
  await turn();

  expect(store.tokenOf(store.snapshot())).toMatchObject({ status: 'ready', response: { token: 'token-2 of nudge' } });
  expect(requests).toHaveLength(2);
});

test('a store that React no longer listens to holds no token and no timer', async () => {
  const { store, subscribe, seen, scheduledCount } = listen();
  const unsubscribe = subscribe();
  await turn();

  unsubscribe();

  expect(store.snapshot()).toBe(loading);
  expect(seen).toEqual([{ status: 'ready', code: undefined }]);
  expect(scheduledCount()).toBe(0);
});
