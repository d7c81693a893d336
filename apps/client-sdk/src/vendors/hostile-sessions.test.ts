import { expect, onTestFinished, test } from 'vitest';
import { inspect } from 'node:util';
import { createValetClient } from '../client/client.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { failureOf } from '../testing/failure.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createNablaSession } from './nabla-session.ts';
import { createVitalSession } from './vital-session.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: object) => `${encode({ alg: 'RS256' })}.${encode(claims)}.c2ln`;
const iss = 'id-signer-stg-us@vital-id-stg-us.iam.gserviceaccount.com';
const signInToken = Buffer.from(JSON.stringify({ user_token: jwt({ iss, uid: 'user-1' }) })).toString('base64');

/** Creates the sessions of two users at Nabla that share a storage. `sent` has the users whose tokens Nabla received. */
function nablaOfTwo({ lifeSeconds = 300 } = {}) {
  const { clock, advance } = createVirtualClock(1_800_000_000_000);
  const storage = memoryStorage();
  const sent: string[] = [];
  const tokensOf = (sub: string) => {
    const exp = clock.nowMs() / 1000 + lifeSeconds;
    return { access_token: jwt({ exp, sub }), refresh_token: jwt({ exp: exp + 1000, sub }) };
  };
  const fetch: typeof globalThis.fetch = async (url, init) => {
    if (String(url).endsWith('/refresh')) {
      return Response.json(tokensOf(subjectOf(JSON.parse(String(init?.body)).refresh_token)));
    }
    sent.push(subjectOf(new Headers(init?.headers).get('x-nabla-authorization') ?? ''));
    return Response.json({});
  };
  const open = (userId: string) => {
    const valet = createValetClient({
      brokerUrl: 'https://broker.example',
      getAppToken: () => userId,
      clock,
      fetch: async () => {
        const envelope = { vendor: 'nabla', connection: 'nabla', server_time: new Date(clock.nowMs()).toISOString() };
        return Response.json({ ...tokensOf(userId), ...envelope }, { headers: { 'valet-key': 'broker' } });
      },
    });
    const nabla = createNablaSession(valet, { userId, storage, fetch });
    onTestFinished(nabla.close);
    return nabla;
  };
  return { alice: open('alice'), bob: open('bob'), sent, advance };
}

const subjectOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sub;

test('two users of Nabla who share a storage never receive the token of the other', async () => {
  const { alice, bob } = nablaOfTwo();
  const [ofAlice, ofBob] = await Promise.all([alice.accessToken(), bob.accessToken()]);

  expect([subjectOf(ofAlice), subjectOf(ofBob)]).toEqual(['alice', 'bob']);
  expect(subjectOf(await alice.accessToken())).toBe('alice');
  expect(subjectOf(await bob.accessToken())).toBe('bob');
});

test('a refresh for the session of another user at Nabla never makes it the session of this user', async () => {
  const { alice, bob, advance } = nablaOfTwo({ lifeSeconds: 5 });
  await alice.session.load();
  await bob.accessToken();
  advance(4900);

  expect(subjectOf(await alice.accessToken())).toBe('alice');
  expect(alice.session.state.details).toEqual({ userId: 'alice' });
});

test('a call of Nabla erases the session of the user before, and is sent as its own user', async () => {
  const { alice, bob, sent } = nablaOfTwo();
  await alice.accessToken();

  expect((await bob.fetch('/v1/patient')).status).toBe(200);
  expect(sent).toEqual(['bob']);
});

function vitalWith(...responses: (() => Response)[]) {
  const { clock } = createVirtualClock();
  const valet = createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => 'app-token', clock });
  const fetch: typeof globalThis.fetch = async () => responses.shift()?.() ?? Response.json({});
  const vital = createVitalSession(valet, { storage: memoryStorage(), fetch });
  onTestFinished(vital.close);
  return vital;
}

test.each(['secret\ntoken', 'secret\u0000token', 'secret-täglich-✓'])(
  'a session refuses the access token %j, which no header can contain, and quotes it in no error',
  async (access_token) => {
    const vital = vitalWith(() => Response.json({ access_token, refresh_token: 'r', expires_in: 60 }));
    const failure = await failureOf(vital.signIn(signInToken));

    expect(failure).toMatchObject({ code: 'vendor_response_invalid' });
    expect(failure.message + inspect(failure) + String(failure.cause)).not.toContain('secret');
  },
);

test.each<[string, object]>([
  ['redirected', { redirected: true }],
  ['of another host', { url: 'https://evil.example/v1/token' }],
])('tokens in a response that is %s are refused, although the platform followed the redirect', async (_, changes) => {
  const vital = vitalWith(() => {
    const response = Response.json({ access_token: 'a', refresh_token: 'r', expires_in: 60 });
    for (const [name, value] of Object.entries(changes)) Object.defineProperty(response, name, { value });
    return response;
  });
  expect(await failureOf(vital.signIn(signInToken))).toMatchObject({ code: 'vendor_unavailable' });
});

test('no program that prints a session, its state or its vendor object prints a token', async () => {
  const vital = vitalWith(() => Response.json({ access_token: 'secret-a', refresh_token: 'secret-r', expires_in: 60 }));
  await vital.signIn(signInToken);
  const { alice: nabla } = nablaOfTwo();
  const token = await nabla.accessToken();
  const shown = [vital, vital.session, vital.session.state, nabla, nabla.session, nabla.session.state]
    .map((value) => inspect(value, { depth: 30, showHidden: true, getters: true }) + JSON.stringify(value))
    .join('\n');

  expect(shown).not.toContain('secret-');
  expect(shown).not.toContain(token);
});

test.each(['__proto__', 'constructor', 'prototype'])(
  'a response with the field %s changes no prototype',
  async (name) => {
    const body = `{"access_token":"a","refresh_token":"r","expires_in":60,"${name}":{"polluted":true,"access_token":"x"}}`;
    const vital = vitalWith(() => new Response(body));
    await vital.signIn(signInToken);

    expect(await vital.accessToken()).toBe('a');
    expect(({} as { polluted?: true }).polluted).toBeUndefined();
  },
);
