import { describe, expect, onTestFinished, test } from 'vitest';
import { createValetClient } from '../client/client.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { failureOf } from '../testing/failure.ts';
import { settleAll } from '../testing/session-vendor.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createNablaSession } from './nabla-session.ts';
import { createVitalSession } from './vital-session.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: object) => `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}.c2ln`;
const signer = (place: string) => `id-signer-${place}@vital-id-${place}.iam.gserviceaccount.com`;

/** Returns a sign-in token of Vital, in the form that its SDKs read. */
function signInToken(claims: object = {}): string {
  const userToken = jwt({ iss: signer('stg-us'), uid: 'user-1', ...claims });
  return Buffer.from(JSON.stringify({ public_key: 'key', user_token: userToken })).toString('base64');
}

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

/** Creates a client without a broker, and a `fetch` that responds in turn and records what was sent. */
function setUp(...responses: readonly (() => Response | Promise<Response>)[]) {
  const time = createVirtualClock();
  const sent: Sent[] = [];
  const issued: string[] = [];
  const valet = createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken: () => 'app-token',
    clock: time.clock,
    fetch: async (url) => {
      issued.push(String(url));
      const exp = time.clock.nowMs() / 1000 + 300;
      const body = { access_token: jwt({ exp }), refresh_token: jwt({ exp: exp + 1000 }), vendor: 'nabla' };
      const server_time = new Date(time.clock.nowMs()).toISOString();
      return Response.json({ ...body, connection: 'nabla', server_time }, { headers: { 'valet-key': 'broker' } });
    },
  });
  const fetch = async (url: unknown, init: RequestInit = {}) => {
    sent.push({ url: String(url), init });
    const respond = responses[sent.length - 1];
    if (respond === undefined) throw new Error('The test has no further response.');
    return respond();
  };
  return { ...time, valet, sent, issued, fetch: fetch as typeof globalThis.fetch };
}

const tokens =
  (count = 1) =>
  () =>
    Response.json({ access_token: `access-${count}`, refresh_token: `refresh-${count}`, expires_in: 3600 });

function vitalOf({ valet, fetch }: Pick<ReturnType<typeof setUp>, 'valet' | 'fetch'>, options: object = {}) {
  const vital = createVitalSession(valet, { storage: memoryStorage(), fetch, ...options });
  onTestFinished(vital.close);
  return vital;
}

describe('createVitalSession', () => {
  test.each([
    ['stg-us', 'https://auth.sandbox.us.junction.com/v1/token'],
    ['stg-eu', 'https://auth.sandbox.eu.junction.com/v1/token'],
    ['prd-us', 'https://auth.us.junction.com/v1/token'],
    ['production-eu', 'https://auth.eu.junction.com/v1/token'],
    ['sandbox-eu', 'https://auth.sandbox.eu.junction.com/v1/token'],
  ])('exchanges a token of %s at %s, without the public key around it', async (place, url) => {
    const parts = setUp(tokens());
    const token = signInToken({ iss: signer(place) });

    await vitalOf(parts).signIn(token);

    const { init } = parts.sent[0] ?? {};
    const form = new URLSearchParams(String(init?.body));
    expect(parts.sent[0]?.url).toBe(url);
    expect(Object.fromEntries(form)).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:junction:sign-in-token',
      subject_token: JSON.parse(Buffer.from(token, 'base64').toString()).user_token,
    });
    expect(init).toMatchObject({ method: 'POST', credentials: 'omit', redirect: 'manual' });
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['the placeholder of the documentation', 'XYZ=='],
    ['another text', 'täglich'],
    ['no user', signInToken({ uid: 7 })],
    ['an empty user', signInToken({ uid: '' })],
    ['another signer', signInToken({ iss: 'https://evil.example' })],
    ['a signer of two places', signInToken({ iss: signer('stg-us').replace('vital-id-stg', 'vital-id-prd') })],
    ['a signer whose place is a host', signInToken({ iss: signer('evil.example/-us') })],
    ['a JWT of two parts', Buffer.from('{"user_token":"e30.e30"}').toString('base64')],
    ['a JWT whose claims are a list', Buffer.from(`{"user_token":"${encode({})}.${encode([])}.x"}`).toString('base64')],
  ])('refuses %s as a sign-in token, without a request', async (_, token) => {
    const parts = setUp();

    const failure = await failureOf(vitalOf(parts).signIn(token as string));

    expect(failure).toMatchObject({ code: 'invalid_request', vendor: 'vital' });
    expect(parts.sent).toHaveLength(0);
  });

  test.each<[string, () => Response | Promise<Response>, object]>([
    ['no network', () => Promise.reject(new TypeError('offline')), { code: 'network_unavailable', retryable: true }],
    ['a 401 with the page of a network', () => page(401), { code: 'vendor_unavailable', retryable: true }],
    ['a 200 with the page of a network', () => page(200), { code: 'vendor_unavailable', retryable: true }],
    ['a redirect', () => Response.redirect('https://portal.example'), { code: 'vendor_unavailable', retryable: true }],
    [
      'a 429',
      () => new Response('', { status: 429, headers: { 'retry-after': '7' } }),
      { code: 'vendor_rate_limited' },
    ],
    ['a 503', () => new Response('busy', { status: 503 }), { code: 'vendor_unavailable', retryable: true }],
    ['text', () => new Response('hello'), { code: 'vendor_response_invalid' }],
    ['no tokens', () => Response.json({ access_token: 7 }), { code: 'vendor_response_invalid' }],
    [
      'a negative life',
      () => Response.json({ access_token: 'a', expires_in: -1 }),
      { code: 'vendor_response_invalid' },
    ],
    ['another 4xx', () => Response.json({ detail: 'Not Found' }, { status: 404 }), { code: 'vendor_rejected' }],
    ['a refusal without a detail', () => Response.json([], { status: 400 }), { code: 'vendor_rejected' }],
  ])('%s in a refresh signs nobody out', async (_, respond, expected) => {
    const parts = setUp(tokens(), respond, tokens(2));
    const vital = vitalOf(parts);
    await vital.signIn(signInToken());

    expect(await failureOf(vital.session.accessToken({ refused: 'access-1' }))).toMatchObject(expected);
    expect(await vital.currentUserId()).toBe('user-1');
    parts.advance(7000);
    expect(await vital.session.accessToken({ refused: 'access-1' })).toBe('access-2');
  });

  test('a sign-out ends a call and the body that it has not read', async () => {
    // A body as that of `fetch`, which fails when the signal of the request aborts.
    const body = () =>
      new ReadableStream({
        start: (stream) =>
          parts.sent[1]?.init.signal?.addEventListener('abort', () => stream.error(new Error('aborted'))),
      });
    const parts = setUp(
      tokens(),
      () => new Response(body()),
      () => new Promise<Response>(() => undefined),
    );
    const vital = vitalOf(parts);
    await vital.signIn(signInToken());
    const response = await vital.fetch('/v2/user/user-1');
    const reading = failureOf(response.text());
    const waiting = failureOf(vital.fetch('/v2/user/user-1'));
    await settleAll();

    await vital.signOut();

    expect(await reading).toMatchObject({ code: 'aborted' });
    expect(await waiting).toMatchObject({ code: 'aborted' });
  });

  test('fetch refreshes after a 401 and sends the call again, but not a stream, and not twice', async () => {
    const denied = () => new Response('', { status: 401 });
    const parts = setUp(tokens(), denied, tokens(2), denied, denied);
    const vital = vitalOf(parts);
    await vital.signIn(signInToken());

    const response = await vital.fetch('/v2/thing?x=1', { method: 'POST', body: '{}' });
    const stream = await vital.fetch('/v2/thing', { method: 'POST', body: new Response('{}').body });

    expect([response.status, stream.status]).toEqual([401, 401]);
    const authorizations = parts.sent.map(({ init }) => new Headers(init.headers).get('authorization'));
    expect(authorizations).toEqual([null, 'Bearer access-1', null, 'Bearer access-2', 'Bearer access-2']);
    expect(parts.sent[1]?.url).toBe('https://api.sandbox.us.junction.com/v2/thing?x=1');
  });

  test.each(['//evil.example/', '/\\evil.example', 'https://evil.example/', '/v2/../x', '/a b', 'v2', 7])(
    'fetch sends nothing for the path %j',
    async (path) => {
      const parts = setUp(tokens());
      const vital = vitalOf(parts);
      await vital.signIn(signInToken());

      expect(await failureOf(vital.fetch(path as string))).toMatchObject({ code: 'invalid_request' });
      expect(parts.sent).toHaveLength(1);
    },
  );

  test.each<[string, () => unknown]>([
    ['throws', () => expect.fail('the failure of the app')],
    ['returns nothing', () => undefined],
    ['returns nonsense', async () => ({ rawToken: {} })],
    ['hangs', () => new Promise(() => undefined)],
  ])(
    'identifyExternalUser rejects if the function of the app %s, and serves the next call',
    async (_, authenticate) => {
      const parts = setUp(tokens());
      const vital = vitalOf(parts);

      const first = vital.identifyExternalUser('a', authenticate as never).then(
        () => 'resolved',
        () => 'rejected',
      );
      await settleAll();
      parts.advance(10_000);
      expect(await first).toBe('rejected');
      await vital.identifyExternalUser('a', async () => ({ type: 'signInToken', rawToken: signInToken() }));
      expect(await vital.currentUserId()).toBe('user-1');
    },
  );

  test('refuses a server that is no https URL, with what the function returned left out', async () => {
    const parts = setUp(tokens());
    const vital = vitalOf(parts, { authUrl: () => 'http://evil.example' });

    const failure = await failureOf(vital.signIn(signInToken()));

    expect(failure).toMatchObject({ code: 'invalid_request' });
    expect(failure.message).not.toContain('evil');
  });

  test.each<[object, string]>([
    [{ storage: {} }, 'storage'],
    [{ url: 'x' }, 'url'],
    [{ authUrl: 'https://auth.example' }, 'authUrl'],
    [{ apiUrl: null }, 'apiUrl'],
    [{ fetch: 1 }, 'fetch'],
    [{ timeoutMs: 0 }, 'timeoutMs'],
  ])('refuses the options %j', (options, name) => {
    const { valet } = setUp();

    expect(() => createVitalSession(valet, { storage: memoryStorage(), ...options } as never)).toThrow(`\`${name}\``);
  });
});

describe('createNablaSession', () => {
  function nablaOf({ valet, fetch }: ReturnType<typeof setUp>, options: object = {}) {
    const nabla = createNablaSession(valet, { userId: 'alice', storage: memoryStorage(), fetch, ...options });
    onTestFinished(nabla.close);
    return nabla;
  }

  test('sends the headers of Nabla, and no app token', async () => {
    const parts = setUp(() => Response.json({}));
    const nabla = nablaOf(parts, { publicApiKey: 'public-1' });

    await nabla.fetch('/v1/patient/graphql/sdk/authenticated', { method: 'POST', body: '{}' });

    const headers = Object.fromEntries(new Headers(parts.sent[0]?.init.headers));
    expect(parts.sent[0]?.url).toBe('https://api.nabla.com/v1/patient/graphql/sdk/authenticated');
    expect(headers).toMatchObject({ 'x-nabla-api-key': 'public-1' });
    expect(headers['x-nabla-authorization']).toMatch(/^Bearer \S+$/);
    expect(headers).not.toHaveProperty('authorization');
  });

  test('refreshes when the access token is due, without an access token, and keeps both new tokens', async () => {
    const parts = setUp(() => Response.json({ access_token: jwt({ exp: 4e9 }), refresh_token: jwt({ exp: 5e9 }) }));
    const nabla = nablaOf(parts);
    const first = await nabla.accessToken();
    parts.advance(290_000);

    expect(await nabla.accessToken()).toBe(jwt({ exp: 4e9 }));

    expect(parts.sent[0]).toMatchObject({ url: 'https://api.nabla.com/v1/patient/jwt/refresh' });
    expect(Object.keys(JSON.parse(String(parts.sent[0]?.init.body)))).toEqual(['refresh_token']);
    expect(JSON.stringify(parts.sent[0]?.init.headers)).not.toContain(first);
    expect(parts.issued).toHaveLength(1);
  });

  test('requests new tokens from the broker if the refresh token has expired, without a refresh', async () => {
    const parts = setUp();
    const nabla = nablaOf(parts);
    await nabla.accessToken();
    parts.advance(2_000_000);

    await nabla.accessToken();

    expect(parts.issued).toHaveLength(2);
    expect(parts.sent).toHaveLength(0);
  });

  test.each<[string, () => Response, object]>([
    ['a token that is no JWT', () => Response.json({ access_token: 'x', refresh_token: 'y' }), {}],
    ['only an access token of the wrong type', () => Response.json({ access_token: 7 }), {}],
    ['a 401 with the page of a network', () => page(401), { code: 'vendor_unavailable' }],
  ])('%s is no sign-out', async (_, respond, expected) => {
    const parts = setUp(respond);
    const nabla = nablaOf(parts);
    const refused = await nabla.accessToken();

    const failure = await failureOf(nabla.session.accessToken({ refused }));

    expect(failure).toMatchObject({ code: 'vendor_response_invalid', ...expected });
    expect(nabla.session.state).toMatchObject({ status: 'signed_in' });
    expect(parts.issued).toHaveLength(1);
  });

  test.each<[object, string]>([
    [{ userId: '' }, 'userId'],
    [{ userId: 7 }, 'userId'],
    [{ publicApiKey: 'a b' }, 'publicApiKey'],
    [{ publicApiKey: 'a\r\nb: c' }, 'publicApiKey'],
    [{ baseUrl: 'http://api.nabla.com' }, 'baseUrl'],
    [{ fetch: 'x' }, 'fetch'],
    [{ patientId: 'x' }, 'patientId'],
    [{ timeoutMs: -1 }, 'timeoutMs'],
  ])('refuses the options %j', (options, name) => {
    expect(() => nablaOf(setUp(), options)).toThrow(`\`${name}\``);
  });
});

function page(status: number): Response {
  return new Response('<html>Sign in to the network</html>', { status, headers: { 'content-type': 'text/html' } });
}
