// Tests the sessions of the client SDK over a broker and the simulated vendors.
import { createBroker, type Broker } from '@valetkey/broker';
import {
  createValetClient,
  nudgeRefreshToken,
  nymblFetch,
  ValetError,
  vitalAuthenticate,
  vitalReconcile,
} from '@valetkey/client-sdk';
import { createNablaSession, createVitalSession, memoryStorage } from '@valetkey/client-sdk/session';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { vendorsOf } from './sandbox-broker.ts';

let sandbox: Sandbox;
let broker: Broker;
let brokerUrl: string;

beforeAll(async () => {
  sandbox = await createSandbox();
  broker = createBroker({
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    log: { level: 'silent' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: vendorsOf(sandbox),
  });
  ({ brokerUrl } = await broker.listen());
});
afterAll(async () => {
  await broker.close();
  await sandbox.close();
});

let users = 0;

/** Creates a client whose user is new. `sign` replaces the user. */
async function setUp() {
  let token: string | null;
  const sign = async (user: string | null) => {
    token = user === null ? null : await sandbox.mintUserToken({ sub: user });
  };
  users += 1;
  const user = `user-${users}`;
  await sign(user);
  sandbox.resetCalls();
  return { valet: createValetClient({ brokerUrl, getAppToken: () => token }), sign, user };
}

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => expect.fail('The call did not fail.'),
    (error: unknown) => (ValetError.isInstance(error) ? error : expect.fail('The error is no ValetError.')),
  );

describe('Vital', () => {
  async function setUpVital() {
    const { valet, sign, user } = await setUp();
    const storage = memoryStorage();
    const options = { storage, authUrl: () => sandbox.urls.vitalAuth, apiUrl: () => sandbox.urls.vital };
    const open = () => {
      const vital = createVitalSession(valet, options);
      onTestFinished(vital.close);
      return vital;
    };
    const token = async () => (await valet.issue('vital')).sign_in_token;
    return { valet, sign, user, open, token, storage, vital: open() };
  }
  const signedIn = new Set(['configured', 'signedIn', 'useSignInToken']);

  test('"you would sign in your authenticated user only once", and "it is unnecessary to request and sign-in with the Vital Sign-In Token every time your app launches"', async () => {
    const { valet, vital, open } = await setUpVital();

    expect(await vitalReconcile(valet, vital)()).toBe('signed_in');
    const restarted = open();
    expect(await vitalReconcile(valet, restarted)()).toBe('unchanged');

    const userId = await restarted.currentUserId();
    expect(await restarted.status()).toEqual(signedIn);
    expect(userId).toBe((await valet.session()).vendors['vital']?.vendor_user_id);
    expect((await restarted.fetch(`/v2/user/${userId}`)).status).toBe(200);
    expect(sandbox.calls()['vital-auth']).toMatchObject({ 'POST /v1/token': 1 });
  });

  test('"signIn() throws an error when you have already signed in"', async () => {
    const { vital, token } = await setUpVital();
    await vital.signIn(await token());

    expect(await failureOf(vital.signIn(await token()))).toMatchObject({ code: 'already_signed_in' });
  });

  test('"Each app installation can only have one active signed-in Vital User": two sign-ins at once leave the first', async () => {
    const { vital, token, sign, open } = await setUpVital();
    const first = await token();
    await sign('one-more-user');
    const second = await token();

    const outcomes = await Promise.allSettled([vital.signIn(first), open().signIn(second)]);

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await open().currentUserId()).toBe(await vital.currentUserId());
  });

  test('"discards the Vital Sign-In Token upon a successful exchange": the storage holds nothing of it', async () => {
    const { vital, token, storage } = await setUpVital();
    const signInToken = await token();
    await vital.signIn(signInToken);

    const { text = '' } = (await storage.read('valetkey.session.vital')) ?? {};
    const { user_token: inner } = JSON.parse(Buffer.from(signInToken, 'base64').toString()) as { user_token: string };

    expect(text).toContain(await vital.accessToken());
    for (const part of [signInToken, ...inner.split('.')]) expect(text).not.toContain(part);
  });

  test('"Only if a discrepancy is detected": reconciling the same user again requests no token', async () => {
    const { valet, vital, sign } = await setUpVital();
    const reconcile = vitalReconcile(valet, vital);
    expect(await reconcile()).toBe('signed_in');
    expect(await reconcile()).toBe('unchanged');
    await sign('a-user-with-another-account');
    expect(await reconcile()).toBe('signed_in');
    await sign(null);
    expect(await reconcile()).toBe('signed_out');
    expect(sandbox.calls().vital).toMatchObject({ 'POST /v2/user/{user_id}/sign_in_token': 2 });
  });

  test('"transparently manages the OAuth 2.0 refresh token flow": an access token that Vital refuses is refreshed once', async () => {
    const { vital, token } = await setUpVital();
    await vital.signIn(await token());
    const userId = await vital.currentUserId();
    sandbox.setFaults([{ vendor: 'vital', fault: { type: 'status', status: 401 }, count: 1 }]);

    const response = await vital.fetch(`/v2/user/${userId}`);

    expect(response.status).toBe(200);
    expect(sandbox.calls()['vital-auth']).toMatchObject({ 'POST /v1/token': 2 });
  });

  test('"The SDK automatically signed out, because it had detected the deletion of the Vital User"', async () => {
    const { vital, token } = await setUpVital();
    const statuses: ReadonlySet<string>[] = [];
    vital.onStatusChange((status) => statuses.push(status));
    await vital.signIn(await token());
    const userId = (await vital.currentUserId()) ?? '';
    sandbox.vital.deleteUser(userId);

    const failure = await failureOf(vital.session.accessToken({ refused: await vital.accessToken() }));

    expect(failure).toMatchObject({ code: 'signed_out' });
    expect([...(await vital.status())]).toEqual([]);
    expect(statuses.slice(-2)).toEqual([signedIn, new Set()]);
  });

  test('a session that waits for re-authentication takes a token of the same user alone', async () => {
    const { vital, token, sign, user } = await setUpVital();
    await vital.signIn(await token());
    sandbox.vital.revokeSessions((await vital.currentUserId()) ?? '');
    const refused = await vital.accessToken();

    expect(await failureOf(vital.session.accessToken({ refused }))).toMatchObject({
      code: 'reauthentication_required',
    });
    expect(await vital.status()).toEqual(new Set([...signedIn, 'pendingReauthentication']));
    await sign('another');
    expect(await failureOf(vital.signIn(await token()))).toMatchObject({ code: 'already_signed_in' });
    await sign(user);
    await vital.signIn(await token());
    expect(await vital.status()).toEqual(signedIn);
  });

  test('"This erases any persistent user session": nothing is left after signOut', async () => {
    const { vital, token, open, storage } = await setUpVital();
    await vital.signIn(await token());
    await vital.signOut();
    expect(await open().currentUserId()).toBeNull();
    expect((await storage.read('valetkey.session.vital'))?.text).toBe('{"ended":true}');
  });

  test('"When the user signs out from your app, you would also sign out": the sign-out of the client is enough', async () => {
    const { valet, vital, token, open } = await setUpVital();
    await vital.signIn(await token());
    valet.signOut();
    expect([...(await vital.status())]).toEqual([]);
    expect(await open().currentUserId()).toBeNull();
  });

  test('a 503 of Vital and of the broker signs nobody out', async () => {
    const { vital, token } = await setUpVital();
    await vital.signIn(await token());
    const refused = await vital.accessToken();
    sandbox.setFaults([{ vendor: 'vital-auth', fault: { type: 'status', status: 503 }, count: 1 }]);

    expect(await failureOf(vital.session.accessToken({ refused }))).toMatchObject({ code: 'vendor_unavailable' });
    expect(await vital.status()).toEqual(signedIn);
  });

  test('identifyExternalUser signs in once, and signs another user out before it asks for a token', async () => {
    const { valet, vital, sign } = await setUpVital();
    let asked = 0;
    const authenticate = () => {
      asked += 1;
      return vitalAuthenticate(valet)();
    };
    await vital.identifyExternalUser('a', authenticate);
    const first = await vital.currentUserId();
    await vital.identifyExternalUser('a', authenticate);
    expect(asked).toBe(1);

    await expect(vital.identifyExternalUser('b', () => Promise.reject(new Error('offline')))).rejects.toThrow(
      'offline',
    );
    expect(await vital.currentUserId()).toBeNull();
    await sign('user-b');
    await vital.identifyExternalUser('b', authenticate);
    expect(await vital.currentUserId()).not.toBe(first);
  });

  test('"having the same Vital user ID, same Vital environment, and same Vital region": migrate checks all three', async () => {
    const { valet, vital } = await setUpVital();
    const { sign_in_token: token, user_id: userId } = await valet.issue('vital');
    const from = { userId, environment: 'sandbox', region: 'us' };
    const wrong = [{ userId: 'another' }, { environment: 'production' }, { region: 'eu' }];

    for (const other of wrong) {
      const failure = await failureOf(vital.migrate(token, { ...from, ...other }));
      expect(failure).toMatchObject({ code: 'migration_refused' });
    }
    await vital.migrate(token, { ...from, userId: userId.toUpperCase() });
    expect(await vital.currentUserId()).toBe(userId);
  });
});

describe('Nabla', () => {
  const body = JSON.stringify({ query: '{ me { id } }' });
  const path = '/v1/patient/graphql/sdk/authenticated';

  async function setUpNabla() {
    const { valet, user } = await setUp();
    const storage = memoryStorage();
    const open = (userId = user) => {
      const nabla = createNablaSession(valet, { userId, storage, baseUrl: sandbox.urls.nabla });
      onTestFinished(nabla.close);
      return nabla;
    };
    return { valet, user, open, nabla: open() };
  }
  const calls = () => {
    const {
      'GET /v1/server/jwt/patient/authenticate/{user_id}': provider = 0,
      'POST /v1/patient/jwt/refresh': refresh = 0,
    } = sandbox.calls().nabla as Record<string, number>;
    return { provider, refresh };
  };

  test('"will call SessionTokenProvider only when it needs it": the first time, and then it refreshes on the device', async () => {
    const { nabla, user, open } = await setUpNabla();

    const response = await nabla.fetch(path, { method: 'POST', body });
    await open().accessToken();
    await nabla.session.accessToken({ refused: await nabla.accessToken() });

    expect(await response.json()).toEqual({ data: { me: { id: user } } });
    expect(calls()).toEqual({ provider: 1, refresh: 1 });
  });

  test('"when the cached refresh token has expired": the broker is asked again', async () => {
    const { nabla, user } = await setUpNabla();
    const refused = await nabla.accessToken();
    sandbox.nabla.revokeSessions(user);

    expect(await nabla.session.accessToken({ refused })).not.toBe(refused);
    expect(calls()).toEqual({ provider: 2, refresh: 1 });
    expect(nabla.session.state).toMatchObject({ status: 'signed_in', details: { userId: user } });
  });

  test('"you should never do this call from your app": the app calls only the broker and the refresh of Nabla', async () => {
    const urls: string[] = [];
    const record: typeof fetch = (url, init) => {
      urls.push(`${String(url)} ${JSON.stringify(init)} ${JSON.stringify([...new Headers(init?.headers)])}`);
      return fetch(url, init);
    };
    const token = await sandbox.mintUserToken({ sub: 'alice' });
    const valet = createValetClient({ brokerUrl, getAppToken: () => token, fetch: record });
    const options = { userId: 'alice', storage: memoryStorage(), baseUrl: sandbox.urls.nabla, fetch: record };
    const nabla = createNablaSession(valet, options);
    onTestFinished(nabla.close);

    await nabla.session.accessToken({ refused: await nabla.accessToken() });

    expect(urls.map((url) => url.split(' ')[0])).toEqual([
      `${brokerUrl}/v1/vendors/nabla/token`,
      `${sandbox.urls.nabla}/v1/patient/jwt/refresh`,
    ]);
    expect(urls.join()).not.toContain(sandbox.credentials.nabla.serverKey);
  });

  test('a refresh that fails for any other reason asks the broker for nothing', async () => {
    const { nabla } = await setUpNabla();
    const refused = await nabla.accessToken();
    sandbox.setFaults([{ vendor: 'nabla', fault: { type: 'status', status: 500 }, count: 1 }]);

    expect(await failureOf(nabla.session.accessToken({ refused }))).toMatchObject({ code: 'vendor_unavailable' });
    expect(calls()).toMatchObject({ provider: 1 });
  });

  test('the session of another user is erased before a request', async () => {
    const { nabla, open } = await setUpNabla();
    const former = await nabla.accessToken();

    expect(await open('another').accessToken()).not.toBe(former);
    expect(calls()).toEqual({ provider: 2, refresh: 0 });
  });
});

test('"call your refreshToken method whenever the token expires": Nudge gets another valid token from each call', async () => {
  const { valet } = await setUp();
  const refreshToken = nudgeRefreshToken(valet, { expiry_minutes: 5 });

  const tokens = [await refreshToken(), await refreshToken()];

  for (const token of tokens) {
    const { iat, exp } = JSON.parse(Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      number
    >;
    expect((exp ?? 0) - (iat ?? 0)).toBe(300);
  }
});

test('"Store them securely and never expose them in client-side code": an app sees no token and no key of Nymbl', async () => {
  const { valet } = await setUp();
  const response = await nymblFetch(valet)('/Patients?$top=1');
  const seen = `${JSON.stringify([...response.headers])} ${await response.text()} ${response.url}`;

  expect(response.status).toBe(200);
  const { clientSecret, apiKey } = sandbox.credentials.nymbl;
  for (const secret of [clientSecret, apiKey, 'eyJ']) expect(seen).not.toContain(secret);
  expect(Object.keys((await valet.session()).vendors['nymbl'] ?? {})).not.toContain('token');
  expect(await failureOf(valet.issue('nymbl'))).toMatchObject({ code: 'operation_not_supported' });
});
