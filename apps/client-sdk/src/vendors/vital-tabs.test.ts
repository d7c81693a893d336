import { expect, onTestFinished, test } from 'vitest';
import { createValetClient } from '../client/client.ts';
import { createTextStorage } from '../storage/text-storage.ts';
import { settleAll } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { vitalReconcile } from './vital-reconcile.ts';
import { createVitalSession } from './vital-session.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Returns a sign-in token of Vital, in the form that its SDKs read. */
function signInTokenOf(userId: string): string {
  const iss = 'id-signer-stg-us@vital-id-stg-us.iam.gserviceaccount.com';
  return encode({ user_token: `e30.${encode({ iss, uid: userId })}.c2ln` });
}

/** Creates tabs that share one storage, a broker that holds sign-in tokens back until `release`, and Vital. */
function setUp() {
  const { clock } = createVirtualClock();
  const texts = new Map<string, string>();
  const place = {
    get: (name: string) => texts.get(name),
    set: (name: string, text: string) => texts.set(name, text),
    delete: (name: string) => texts.delete(name),
  };
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  let exchanges = 0;

  function openTab(userId = 'user-1') {
    const server_time = new Date(clock.nowMs()).toISOString();
    const respond = (body: object) => Response.json({ ...body, server_time }, { headers: { 'valet-key': 'broker' } });
    const valet = createValetClient({
      brokerUrl: 'https://broker.example',
      getAppToken: () => 'app-token',
      clock,
      fetch: async (url) => {
        if (String(url).endsWith('/session')) return respond({ issuer: 'i', subject: 's', scopes: [], vendors: {} });
        await held;
        const token = { user_id: userId, sign_in_token: signInTokenOf(userId), environment: 'sandbox', region: 'us' };
        return respond({ ...token, vendor: 'vital', connection: 'vital' });
      },
    });
    const vital = createVitalSession(valet, {
      storage: createTextStorage(place, { clock }),
      fetch: async () => {
        exchanges += 1;
        return Response.json({ access_token: `access-${exchanges}`, refresh_token: 'refresh', expires_in: 3600 });
      },
    });
    onTestFinished(vital.close);
    const states: string[] = [];
    vital.session.onStateChange(({ status }) => states.push(status));
    const identify = (externalUserId: string, issued: Promise<unknown> = held) =>
      vital.identifyExternalUser(externalUserId, async () => {
        await issued;
        return { type: 'signInToken', rawToken: signInTokenOf(userId) };
      });
    return { vital, states, reconcile: vitalReconcile(valet, vital), identify };
  }
  return { openTab, release, exchangeCount: () => exchanges };
}

test('vitalReconcile in two tabs at the same time signs their user in once', async () => {
  const { openTab, release, exchangeCount } = setUp();
  const [first, second] = [openTab(), openTab()];
  const calls = Promise.all([first.reconcile(), second.reconcile()]);
  await settleAll();

  release();

  expect((await calls).toSorted()).toEqual(['signed_in', 'unchanged']);
  expect(exchangeCount()).toBe(1);
  expect([first.states, second.states]).toEqual([
    ['signed_out', 'signed_in'],
    ['signed_out', 'signed_in'],
  ]);
  expect(await Promise.all([first.reconcile(), second.reconcile()])).toEqual(['unchanged', 'unchanged']);
});

test('vitalReconcile replaces another user whom another tab signs in during the call', async () => {
  const { openTab, release, exchangeCount } = setUp();
  const [first, second] = [openTab('user-1'), openTab('user-2')];
  const calls = Promise.all([first.reconcile(), second.reconcile()]);
  await settleAll();

  release();

  expect(await calls).toEqual(['signed_in', 'signed_in']);
  expect(exchangeCount()).toBe(2);
  expect(await second.vital.currentUserId()).toBe('user-2');
});

test('identifyExternalUser in two tabs at the same time signs their user in once', async () => {
  const { openTab, release, exchangeCount } = setUp();
  const [first, second] = [openTab(), openTab()];
  const calls = Promise.all([first.identify('alice'), second.identify('alice')]);
  await settleAll();

  release();
  await calls;

  expect(exchangeCount()).toBe(1);
  expect([first.states.at(-1), second.states.at(-1)]).toEqual(['signed_in', 'signed_in']);
});

test('identifyExternalUser keeps the session of its user that another tab began during the call', async () => {
  const { openTab, release, exchangeCount } = setUp();
  const [first, second] = [openTab(), openTab()];
  const call = second.identify('alice');
  await settleAll();
  await first.identify('alice', Promise.resolve());
  await settleAll();

  release();
  await call;

  expect(exchangeCount()).toBe(1);
  expect(first.states).toEqual(['signed_out', 'signed_in']);
});

test('identifyExternalUser rejects if another tab signs another user in at the same time', async () => {
  const { openTab, release } = setUp();
  const [first, second] = [openTab('user-1'), openTab('user-2')];
  const calls = Promise.allSettled([first.identify('alice'), second.identify('bob')]);
  await settleAll();

  release();
  const outcomes = await calls;

  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
});
