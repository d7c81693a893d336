import { expect, test } from 'vitest';
import { createValetClient } from '../client.ts';
import { issued, problem, session, startFakeBroker, type FakeResponse } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { vitalAuthenticate, vitalReconcile, vitalSignInToken, type VitalCore } from './vital.ts';

const alice = 'e209947b-323e-4108-8e18-1518b80da0bd';
const bob = '0a1b2c3d-323e-4108-8e18-1518b80da0bd';

/** Creates a fake of Vital's SDK for Android. Like that SDK, it throws at `signIn` if a user is signed in by token. */
function vitalCore(userId?: string, status: readonly string[] = ['configured', 'signedIn', 'useSignInToken']) {
  const calls: string[] = [];
  let held = userId === undefined ? undefined : { userId, status: new Set(status) };
  const core: VitalCore = {
    status: async () => [...(held?.status ?? [])],
    currentUserId: async () => held?.userId ?? null,
    signIn: async (token) => {
      calls.push(`signIn ${token}`);
      if (held?.status.has('useSignInToken') && !held.status.has('pendingReauthentication')) {
        throw new Error('alreadySignedIn');
      }
      held = {
        userId: token.replace('token-of-', ''),
        status: new Set(['configured', 'signedIn', 'useSignInToken']),
      };
    },
    signOut: async () => {
      calls.push('signOut');
      held = undefined;
    },
  };
  return { core, calls, current: () => held?.userId };
}

/** How the fake broker responds. */
interface Setting {
  /** The Vital user that the broker issues tokens for. */
  readonly appUser?: string;
  /** Whether the response to `GET /v1/session` contains the Vital user. */
  readonly known?: boolean;
  readonly issueResponse?: FakeResponse;
  readonly sessionResponse?: FakeResponse;
}

async function valetOf({ appUser = alice, known = true, issueResponse, sessionResponse }: Setting = {}) {
  const user = { appToken: 'app-token' as string | null, vitalId: appUser };
  const broker = await startFakeBroker(({ path }) =>
    path === '/v1/session'
      ? (sessionResponse ?? session(known ? user.vitalId : undefined))
      : (issueResponse ?? issued('vital', { user_id: user.vitalId, sign_in_token: `token-of-${user.vitalId}` })),
  );
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => user.appToken });
  const issueCount = () => broker.requests.filter(({ path }) => path.endsWith('/token')).length;
  return { valet, user, issueCount };
}

test('vitalSignInToken and vitalAuthenticate request a new sign-in token for each call', async () => {
  const { valet, issueCount } = await valetOf();

  expect(await vitalSignInToken(valet)()).toBe(`token-of-${alice}`);
  expect(await vitalAuthenticate(valet)()).toEqual({ type: 'signInToken', rawToken: `token-of-${alice}` });
  await Promise.all([vitalSignInToken(valet)(), vitalSignInToken(valet)()]);
  expect(issueCount()).toBe(4);
});

const knowledge = [
  ['knows', true],
  ['does not know', false],
] as const;

test.each(knowledge)(
  "vitalReconcile signs in when Vital's SDK is signed out and the broker %s the Vital user",
  async (_verb, known) => {
    const { valet } = await valetOf({ known });
    const { core, calls } = vitalCore();

    expect(await vitalReconcile(valet, core)()).toBe('signed_in');
    expect(calls).toEqual([`signIn token-of-${alice}`]);
  },
);

test.each([alice, alice.toUpperCase()])(
  'vitalReconcile leaves the same user (%s) signed in without requesting a token',
  async (id) => {
    const { valet, issueCount } = await valetOf();
    const { core, calls } = vitalCore(id);
    const reconcile = vitalReconcile(valet, core);

    expect(await Promise.all([reconcile(), reconcile(), reconcile()])).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(calls).toEqual([]);
    expect(issueCount()).toBe(0);
  },
);

test('vitalReconcile leaves the same user signed in when only the response with the token names the user', async () => {
  const { valet } = await valetOf({ known: false });
  const { core, calls } = vitalCore(alice);

  expect(await vitalReconcile(valet, core)()).toBe('unchanged');
  expect(calls).toEqual([]);
});

test.each(knowledge)(
  'vitalReconcile signs another user out and then signs the app user in when the broker %s the Vital user',
  async (_verb, known) => {
    const { valet } = await valetOf({ known });
    const { core, calls, current } = vitalCore(bob);

    expect(await vitalReconcile(valet, core)()).toBe('signed_in');
    expect(calls).toEqual(['signOut', `signIn token-of-${alice}`]);
    expect(current()).toBe(alice);
  },
);

const oldSignIns = [
  ['an API key', ['configured', 'signedIn', 'useApiKey']],
  ['a token that needs re-authentication', ['configured', 'signedIn', 'useSignInToken', 'pendingReauthentication']],
] as const;

test.each(oldSignIns.flatMap(([name, status]) => knowledge.map(([verb, known]) => ({ name, status, verb, known }))))(
  'vitalReconcile signs the same user in again without a sign-out after a sign-in with $name, when the broker $verb the Vital user',
  async ({ status, known }) => {
    const { valet } = await valetOf({ known });
    const { core, calls } = vitalCore(alice, status);
    const reconcile = vitalReconcile(valet, core);

    expect(await reconcile()).toBe('signed_in');
    expect(calls).toEqual([`signIn token-of-${alice}`]);
    expect(await reconcile()).toBe('unchanged');
  },
);

test('vitalReconcile signs another user with an API key out before it signs the app user in', async () => {
  const { valet } = await valetOf();
  const { core, calls } = vitalCore(bob, ['configured', 'signedIn', 'useApiKey']);

  expect(await vitalReconcile(valet, core)()).toBe('signed_in');
  expect(calls).toEqual(['signOut', `signIn token-of-${alice}`]);
});

test('vitalReconcile signs out once after the app user has signed out', async () => {
  const { valet, user } = await valetOf();
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
  const { valet } = await valetOf(setting);
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
  const { valet, user } = await valetOf();
  const { core, calls } = vitalCore(bob);
  const reconcile = vitalReconcile(valet, { ...core, ...overrides });

  await expect(reconcile()).rejects.toThrow(message);
  user.appToken = null;
  await expect(reconcile()).rejects.toThrow(message);
  expect(calls).toEqual([]);
});

test('vitalReconcile signs another user out even when it gets no token for the app user', async () => {
  const { valet } = await valetOf({ issueResponse: problem(503, 'vendor_unavailable') });
  const { core, current } = vitalCore(bob);

  expect(await failureOf(vitalReconcile(valet, core)())).toMatchObject({ code: 'vendor_unavailable' });
  expect(current()).toBeUndefined();
});

test('vitalReconcile runs concurrent calls one after another, and follows a change of the app user', async () => {
  const { valet, user } = await valetOf();
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
  const { valet } = await valetOf();
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
