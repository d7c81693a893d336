import { describe, expect, onTestFinished, test } from 'vitest';
import { createValetClient, type ValetClient } from '../client/client.ts';
import * as sdk from '../index.ts';
import { createNablaSession, createVitalSession, memoryStorage } from '../session.ts';
import { json, startFakeBroker } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { alice, bob, vitalCore } from '../testing/vital.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: object) => `${encode({ alg: 'RS256' })}.${encode(claims)}.c2ln`;
const server_time = '2026-11-20T10:00:00.000Z';

/** The vendor of each connection of the fake broker. */
const vendorOf: Readonly<Record<string, string>> = {
  'nabla-eu': 'nabla',
  'nudge-eu': 'nudge',
  'nymbl-eu': 'nymbl',
  vital: 'vital',
  'vital-eu': 'vital',
};

/** Alice is a user of each Vital connection, with another Vital user id in each. */
const vitalUserOf: Readonly<Record<string, string>> = { vital: alice, 'vital-eu': bob };

/** Creates a client of a fake broker that has several connections. */
async function setUp() {
  const broker = await startFakeBroker(({ path }) => {
    const [, , , connection = ''] = path.split('/');
    if (path === '/v1/session') {
      const vendors = Object.entries(vendorOf).map(([name, vendor]) => [
        name,
        { vendor, operations: ['issue'], vendor_user_id: vitalUserOf[name] ?? 'another user' },
      ]);
      const vendorsByName: unknown = Object.fromEntries(vendors);
      return json({ issuer: 'https://identity.example', subject: 'alice', vendors: vendorsByName, server_time });
    }
    if (path.includes('/proxy')) return json({ connection });
    const fields = {
      nabla: { access_token: jwt({ exp: 4e9, of: connection }), refresh_token: jwt({ exp: 5e9 }) },
      nudge: { token: `token of ${connection}` },
      vital: {
        user_id: vitalUserOf[connection],
        sign_in_token: `token-of-${vitalUserOf[connection]}`,
        environment: 'sandbox',
        region: 'us',
      },
    }[vendorOf[connection] ?? ''];
    return json({ ...fields, vendor: vendorOf[connection], connection, server_time });
  });
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => 'app-token' });
  return { valet, paths: () => broker.requests.map(({ path }) => path) };
}

function nablaSessionOf(valet: ValetClient, options: object) {
  const nabla = createNablaSession(valet, { userId: 'alice', storage: memoryStorage(), ...options });
  onTestFinished(nabla.close);
  return nabla;
}

/** Creates the session of a Vital connection, whose sign-in token names a user of Vital. */
function vitalSessionOf(valet: ValetClient, options: object) {
  const fetch = async (_url: unknown, init?: RequestInit) => {
    const { uid } = JSON.parse(
      atob(String(new URLSearchParams(String(init?.body)).get('subject_token')).split('.')[1] ?? ''),
    );
    return Response.json({ access_token: `access of ${uid}`, refresh_token: `refresh of ${uid}`, expires_in: 3600 });
  };
  const vital = createVitalSession(valet, {
    storage: memoryStorage(),
    fetch: fetch as typeof globalThis.fetch,
    ...options,
  });
  onTestFinished(vital.close);
  return vital;
}

function signInToken(uid: string): string {
  const iss = 'id-signer-stg-us@vital-id-stg-us.iam.gserviceaccount.com';
  return btoa(JSON.stringify({ user_token: jwt({ iss, uid }) }));
}

const calls: readonly [string, (valet: ValetClient) => Promise<unknown>, unknown, string][] = [
  [
    'nablaSessionTokens',
    (valet) => sdk.nablaSessionTokens(valet, { connection: 'nabla-eu' })(),
    { accessToken: jwt({ exp: 4e9, of: 'nabla-eu' }), refreshToken: jwt({ exp: 5e9 }) },
    '/v1/vendors/nabla-eu/token',
  ],
  [
    'createNablaSession',
    (valet) => nablaSessionOf(valet, { connection: 'nabla-eu' }).accessToken(),
    jwt({ exp: 4e9, of: 'nabla-eu' }),
    '/v1/vendors/nabla-eu/token',
  ],
  [
    'nudgeRefreshToken',
    (valet) => sdk.nudgeRefreshToken(valet, {}, { connection: 'nudge-eu' })(),
    'token of nudge-eu',
    '/v1/vendors/nudge-eu/token',
  ],
  [
    'nymblFetch',
    async (valet) => (await sdk.nymblFetch(valet, { connection: 'nymbl-eu' })('/Patients')).json(),
    { connection: 'nymbl-eu' },
    '/v1/vendors/nymbl-eu/proxy/Patients',
  ],
  [
    'vitalSignInToken',
    (valet) => sdk.vitalSignInToken(valet, { connection: 'vital-eu' })(),
    `token-of-${bob}`,
    '/v1/vendors/vital-eu/token',
  ],
  [
    'vitalAuthenticate',
    (valet) => sdk.vitalAuthenticate(valet, { connection: 'vital-eu' })(),
    { type: 'signInToken', rawToken: `token-of-${bob}` },
    '/v1/vendors/vital-eu/token',
  ],
];

test.each(calls)('%s requests what its option `connection` names', async (_, call, expected, path) => {
  const { valet, paths } = await setUp();

  expect(await call(valet)).toEqual(expected);
  expect(paths()).toEqual([path]);
});

describe('vitalReconcile with the option `connection`', () => {
  test('signs in the user of that connection, and leaves that user signed in', async () => {
    const { valet, paths } = await setUp();
    const { core, current } = vitalCore();
    const reconcile = sdk.vitalReconcile(valet, core, { connection: 'vital-eu' });

    expect([await reconcile(), current()]).toEqual(['signed_in', bob]);
    expect([await reconcile(), current()]).toEqual(['unchanged', bob]);
    expect(paths()).toEqual(['/v1/session', '/v1/vendors/vital-eu/token', '/v1/session']);
  });

  test('signs nobody out if the connection is one of another vendor', async () => {
    const { valet } = await setUp();
    const { core, calls } = vitalCore(alice);

    const failure = await failureOf(sdk.vitalReconcile(valet, core, { connection: 'nudge-eu' })());

    expect(failure).toMatchObject({ code: 'response_invalid', vendor: 'nudge' });
    expect(calls).toEqual([]);
  });
});

describe('sessions of two connections in one storage', () => {
  test('createVitalSession keeps one session for each, and a sign-out ends only its own', async () => {
    const { valet } = await setUp();
    const storage = memoryStorage();
    const [us, eu] = [vitalSessionOf(valet, { storage }), vitalSessionOf(valet, { storage, connection: 'vital-eu' })];
    await us.signIn(signInToken(alice));
    expect(await eu.currentUserId()).toBeNull();
    await eu.signIn(signInToken(bob));
    expect([await us.accessToken(), await eu.accessToken()]).toEqual([`access of ${alice}`, `access of ${bob}`]);

    await us.signOut();

    const restarted = vitalSessionOf(valet, { storage, connection: 'vital-eu' });
    expect([await us.currentUserId(), await eu.currentUserId()]).toEqual([null, bob]);
    expect(await restarted.accessToken()).toBe(`access of ${bob}`);
  });

  test('createNablaSession keeps one session for each', async () => {
    const { valet, paths } = await setUp();
    const storage = memoryStorage();
    await nablaSessionOf(valet, { storage, connection: 'nabla-eu' }).accessToken();

    expect(await nablaSessionOf(valet, { storage }).session.load()).toMatchObject({ status: 'signed_out' });
    expect(await nablaSessionOf(valet, { storage, connection: 'nabla-eu' }).accessToken()).toContain('.');
    expect(paths()).toEqual(['/v1/vendors/nabla-eu/token']);
  });

  test('valet.signOut() ends both', async () => {
    const { valet } = await setUp();
    const storage = memoryStorage();
    const sessions = [vitalSessionOf(valet, { storage }), vitalSessionOf(valet, { storage, connection: 'vital-eu' })];
    for (const vital of sessions) await vital.signIn(signInToken(alice));

    valet.signOut();

    expect(await Promise.all(sessions.map((vital) => vital.currentUserId()))).toEqual([null, null]);
  });
});

const functions: readonly [string, (valet: ValetClient, options: never) => unknown][] = [
  ['nablaSessionTokens', sdk.nablaSessionTokens],
  ['nudgeRefreshToken', (valet, options) => sdk.nudgeRefreshToken(valet, {}, options)],
  ['nymblFetch', sdk.nymblFetch],
  ['vitalAuthenticate', sdk.vitalAuthenticate],
  ['vitalReconcile', (valet, options) => sdk.vitalReconcile(valet, vitalCore().core, options)],
  ['vitalSignInToken', sdk.vitalSignInToken],
  ['createVitalSession', (valet, options) => vitalSessionOf(valet, options)],
  ['createNablaSession', (valet, options) => nablaSessionOf(valet, options)],
];

describe.each(functions)('%s', (name, create) => {
  const valet = createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => null });
  const createWith = (options: unknown) => () => create(valet, options as never);

  test.each<[string, unknown]>([
    ['null', null],
    ['an empty text', ''],
    ['a path', '../secret'],
    ['a path that is encoded', '%2e%2e%2fsecret'],
    ['a text with a line break', 'secret\n'],
    ['a text of another script', 'sеcret'],
    ['a number', 7],
    ['a list', ['vital']],
    ['an object that gives a name', { toString: () => 'secret' }],
    ['the name of a prototype', '__proto__'],
    ['a text of 64 letters', 's'.repeat(64)],
  ])('throws a TypeError without the value if `connection` is %s', (_, connection) => {
    expect(createWith({ connection })).toThrow(TypeError);
    expect(createWith({ connection })).toThrow(new RegExp(`^${name}: \`connection\` must be [^]*\\.$`));
    expect(createWith({ connection })).not.toThrow(/secret|7|sss/);
  });

  test('throws a TypeError that names an unknown option', () => {
    expect(createWith({ conection: 'secret' })).toThrow(TypeError);
    expect(createWith({ conection: 'secret' })).toThrow(`${name}: \`conection\` is not an option.`);
  });

  test('accepts `connection` if it is undefined, or a name of 63 letters', () => {
    expect(createWith({ connection: undefined })).not.toThrow();
    expect(createWith({ connection: 's'.repeat(63) })).not.toThrow();
  });
});

test.each(functions.slice(0, 6))('%s throws a TypeError if its options are a text or null', (name, create) => {
  const valet = createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => null });

  for (const options of ['vital-eu', null, 7]) {
    expect(() => create(valet, options as never)).toThrow(new TypeError(`${name}: \`options\` must be an object.`));
  }
});
