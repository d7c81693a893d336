import { expect, test } from 'vitest';
import { problem } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { alice, bob, valetWithVital, vitalCore, withApiKey, type Setting } from '../testing/vital.ts';
import type { VitalCore } from './vital-device.ts';
import { vitalReconcile } from './vital-reconcile.ts';

const apiKeySession = { environment: 'sandbox', region: 'us' };

const knowledge = [
  ['knows', true],
  ['does not know', false],
] as const;

test.each(knowledge)(
  "vitalReconcile signs in when Vital's SDK is signed out and the broker %s the Vital user",
  async (_verb, known) => {
    const { valet } = await valetWithVital({ known });
    const { core, calls } = vitalCore();

    expect(await vitalReconcile(valet, core)()).toBe('signed_in');
    expect(calls).toEqual([`signIn token-of-${alice}`]);
  },
);

test.each([alice, alice.toUpperCase()])(
  'vitalReconcile leaves the same user (%s) signed in without requesting a token',
  async (id) => {
    const { valet, issueCount } = await valetWithVital();
    const { core, calls } = vitalCore(id);
    const reconcile = vitalReconcile(valet, core);

    expect(await Promise.all([reconcile(), reconcile(), reconcile()])).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(calls).toEqual([]);
    expect(issueCount()).toBe(0);
  },
);

test('vitalReconcile leaves the same user signed in when only the response with the token names the user', async () => {
  const { valet } = await valetWithVital({ known: false });
  const { core, calls } = vitalCore(alice);

  expect(await vitalReconcile(valet, core)()).toBe('unchanged');
  expect(calls).toEqual([]);
});

test.each(knowledge)(
  'vitalReconcile signs another user out and then signs the app user in when the broker %s the Vital user',
  async (_verb, known) => {
    const { valet } = await valetWithVital({ known });
    const { core, calls, current } = vitalCore(bob);

    expect(await vitalReconcile(valet, core)()).toBe('signed_in');
    expect(calls).toEqual(['signOut', `signIn token-of-${alice}`]);
    expect(current()).toBe(alice);
  },
);

const oldSignIns = [
  ['an API key', withApiKey],
  ['a token that needs re-authentication', ['configured', 'signedIn', 'useSignInToken', 'pendingReauthentication']],
] as const;

test.each(oldSignIns.flatMap(([name, status]) => knowledge.map(([verb, known]) => ({ name, status, verb, known }))))(
  'vitalReconcile signs the same user in again without a sign-out after a sign-in with $name, when the broker $verb the Vital user',
  async ({ status, known }) => {
    const { valet } = await valetWithVital({ known });
    const { core, calls } = vitalCore(alice, status);
    const reconcile = vitalReconcile(valet, core, { apiKeySession });

    expect(await reconcile()).toBe('signed_in');
    expect(calls).toEqual([`signIn token-of-${alice}`]);
    expect(await reconcile()).toBe('unchanged');
  },
);

test('vitalReconcile signs out once after the app user has signed out', async () => {
  const { valet, user } = await valetWithVital();
  const { core, calls } = vitalCore(alice);
  const reconcile = vitalReconcile(valet, core);
  user.appToken = null;

  expect(await reconcile()).toBe('signed_out');
  expect(await reconcile()).toBe('unchanged');
  expect(calls).toEqual(['signOut']);
});

test.each<[string, Setting]>([
  ['the session call fails', { sessionResponse: problem(503, 'identity_unavailable') }],
  ['the app token is refused', { sessionResponse: problem(401, 'invalid_token') }],
  ['the user is blocked', { sessionResponse: problem(403, 'user_blocked') }],
  ['no token can be issued', { known: false, issueResponse: problem(503, 'vendor_unavailable') }],
])('vitalReconcile does not sign out when %s', async (_, setting) => {
  const { valet } = await valetWithVital(setting);
  const { core, calls, current } = vitalCore(alice);

  await failureOf(vitalReconcile(valet, core)());
  expect(calls).toEqual([]);
  expect(current()).toBe(alice);
});

test.each<[string, Partial<VitalCore>, string]>([
  ['the status', { status: () => Promise.reject(new Error('keychain locked')) }, 'keychain locked'],
  ['the user id', { currentUserId: () => Promise.reject(new Error('keychain locked')) }, 'keychain locked'],
  ['a user id that is not null', { currentUserId: async () => null }, 'has no user id'],
])("vitalReconcile changes nothing when it cannot read %s from Vital's SDK", async (_, overrides, message) => {
  const { valet, user } = await valetWithVital();
  const { core, calls } = vitalCore(bob);
  const reconcile = vitalReconcile(valet, { ...core, ...overrides });

  await expect(reconcile()).rejects.toThrow(message);
  user.appToken = null;
  await expect(reconcile()).rejects.toThrow(message);
  expect(calls).toEqual([]);
});

test('vitalReconcile signs another user out even when it gets no token for the app user', async () => {
  const { valet } = await valetWithVital({ issueResponse: problem(503, 'vendor_unavailable') });
  const { core, current } = vitalCore(bob);

  expect(await failureOf(vitalReconcile(valet, core)())).toMatchObject({ code: 'vendor_unavailable' });
  expect(current()).toBeUndefined();
});

test('vitalReconcile runs concurrent calls one after another, and follows a change of the app user', async () => {
  const { valet, user } = await valetWithVital();
  const { core, calls, current } = vitalCore();
  const reconcile = vitalReconcile(valet, core);

  const first = Promise.all([reconcile(), reconcile()]);
  expect(await first).toEqual(['signed_in', 'unchanged']);
  user.vitalId = bob;
  expect(await Promise.all([reconcile(), reconcile()])).toEqual(['signed_in', 'unchanged']);

  expect(calls).toEqual([`signIn token-of-${alice}`, 'signOut', `signIn token-of-${bob}`]);
  expect(current()).toBe(bob);
});

test('vitalReconcile runs the next call after one has failed', async () => {
  const { valet } = await valetWithVital();
  const { core } = vitalCore();
  let failing = true;
  const reconcile = vitalReconcile(valet, {
    ...core,
    status: () => (failing ? Promise.reject(new Error('keychain locked')) : core.status()),
  });

  const failure = reconcile();
  const next = failure.catch(() => {
    failing = false;
    return reconcile();
  });

  await expect(failure).rejects.toThrow('keychain locked');
  expect(await next).toBe('signed_in');
});
