import { expect, test } from 'vitest';
import { problem } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { alice, bob, valetWithVital, vitalCore, withApiKey } from '../testing/vital.ts';
import { vitalReconcile } from './vital-reconcile.ts';

const unavailable = problem(503, 'vendor_unavailable');

/** Signs Alice in at Vital's SDK, by a token of the fake broker. */
async function signInAlice(known: boolean) {
  const device = vitalCore();
  const setting = await valetWithVital({ known });
  const reconcile = vitalReconcile(setting.valet, device.core);
  await reconcile();
  device.calls.length = 0;
  return { ...setting, ...device, reconcile };
}

test.each([
  ['the session call', { session: unavailable, issue: undefined }],
  ['the request for a token', { session: undefined, issue: unavailable }],
])('vitalReconcile signs the user before signOut out although %s fails', async (_, failing) => {
  const { valet, user, responses, reconcile, current, calls } = await signInAlice(false);

  valet.signOut();
  user.vitalId = bob;
  Object.assign(responses, failing);

  expect(await failureOf(reconcile())).toMatchObject({ code: 'vendor_unavailable' });
  expect(current()).toBeUndefined();
  expect(calls).toEqual(['signOut']);
});

test('vitalReconcile signs another user out before it requests a token, although no sign-out was announced', async () => {
  const { user, responses, reconcile, current } = await signInAlice(false);

  Object.assign(user, { vitalId: bob, subject: 'bob' });
  responses.issue = unavailable;

  expect(await failureOf(reconcile())).toMatchObject({ code: 'vendor_unavailable' });
  expect(current()).toBeUndefined();
});

test('vitalReconcile keeps a user signed in whose token fails, if it was signed in for the same user of the app', async () => {
  const { responses, reconcile, current, calls } = await signInAlice(false);

  responses.issue = unavailable;

  expect(await failureOf(reconcile())).toMatchObject({ code: 'vendor_unavailable' });
  expect(current()).toBe(alice);
  expect(calls).toEqual([]);
});

test('vitalReconcile signs out a user that it saw before signOut, even if the broker never confirmed the user', async () => {
  const { valet, user, responses } = await valetWithVital({ known: false, sessionResponse: unavailable });
  const { core, current, calls } = vitalCore(alice);
  const reconcile = vitalReconcile(valet, core);
  await failureOf(reconcile());
  expect(current()).toBe(alice);

  valet.signOut();
  Object.assign(user, { vitalId: bob, subject: 'bob' });
  Object.assign(responses, { session: undefined, issue: unavailable });

  expect(await failureOf(reconcile())).toMatchObject({ code: 'vendor_unavailable' });
  expect(calls).toEqual(['signOut']);
});

test("vitalReconcile leaves an API-key session that it saw before signOut, and refuses to replace another user's", async () => {
  const { valet, user } = await valetWithVital();
  const { core, calls } = vitalCore(alice, withApiKey);
  const reconcile = vitalReconcile(valet, core);
  await failureOf(reconcile());

  valet.signOut();
  Object.assign(user, { vitalId: bob, subject: 'bob' });

  expect(await failureOf(reconcile())).toMatchObject({ code: 'migration_refused' });
  expect(calls).toEqual([]);
});

test('vitalReconcile of another client keeps the user that the first client signed in', async () => {
  const { core, calls, user } = await signInAlice(true);
  const second = await valetWithVital();

  expect(await vitalReconcile(second.valet, core)()).toBe('unchanged');
  expect([calls, user.vitalId]).toEqual([[], alice]);
});

test('vitalReconcile reports signed_out for the sign-out after signOut of the client', async () => {
  const { valet, user, reconcile, calls } = await signInAlice(true);

  valet.signOut();
  user.appToken = null;

  expect(await reconcile()).toBe('signed_out');
  expect(await reconcile()).toBe('unchanged');
  expect(calls).toEqual(['signOut']);
});

test('vitalReconcile does not sign in with a token that was requested before signOut', async () => {
  const device = vitalCore();
  const { valet, broker } = await valetWithVital();
  const status = device.core.status;
  const reconcile = vitalReconcile(valet, { ...device.core, status });

  const failure = failureOf(reconcile());
  while (!broker.requests.some(({ path }) => path.endsWith('/token'))) await new Promise((next) => setImmediate(next));
  valet.signOut();

  expect(await failure).toMatchObject({ code: 'aborted' });
  expect(device.calls).toEqual([]);
});

test("vitalReconcile signs out again when signOut is called during the sign-in of Vital's SDK", async () => {
  const device = vitalCore();
  const { valet } = await valetWithVital();
  const signIn = async (token: string) => {
    valet.signOut();
    await device.core.signIn(token);
  };

  expect(await failureOf(vitalReconcile(valet, { ...device.core, signIn })())).toMatchObject({ code: 'aborted' });
  expect(device.current()).toBeUndefined();
});
