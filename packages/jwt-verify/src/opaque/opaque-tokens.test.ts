import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { createJwtVerifier, type JwtVerifier } from '../verify/create-jwt-verifier.ts';
import { authgear } from '../providers/authgear.ts';
import type { JwtVerifierOptions } from '../verify/verifier-options.ts';
import { refusalOf, rejection } from '../testing/harness.ts';
import { sendJson, startIdentityProvider, type IdentityProvider } from '../testing/identity-provider.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock.ts';

const key = createSigningKey('k1');
let provider: IdentityProvider;
let clock: VirtualClock;

beforeEach(async () => {
  provider = await startIdentityProvider([key.jwk]);
  clock = createVirtualClock();
});
afterEach(() => provider[Symbol.asyncDispose]());

describe('introspection', () => {
  let seen: { authorization: string | undefined; form: Record<string, string> }[];
  let answer: unknown;

  const introspection = () => ({
    endpoint: `${provider.issuer}/introspect`,
    clientId: 'the client',
    clientSecret: 's:e/c%ret',
  });

  function createVerifier(changes: object = {}, options: Partial<JwtVerifierOptions> = {}): JwtVerifier {
    const record = { issuer: provider.issuer, audiences: ['api'], introspection: introspection(), ...changes };
    return createJwtVerifier({ issuers: [record], clock, random: () => 0.5, ...options });
  }

  beforeEach(() => {
    seen = [];
    answer = { active: true, sub: 'alice', aud: 'api', scope: 'read', exp: clock.nowSeconds() + 300 };
    provider.answer = (request: IncomingMessage, response) => {
      const respond = async (): Promise<void> => {
        const form = Object.fromEntries(new URLSearchParams(await text(request)));
        seen.push({ authorization: request.headers.authorization, form });
        sendJson(response, answer);
      };
      void respond();
    };
  });

  test('turns an opaque token into a principal', async () => {
    await expect(createVerifier().verify('opaque.token~1')).resolves.toEqual({
      issuer: provider.issuer,
      subject: 'alice',
      scopes: ['read'],
      claims: answer,
      expiresAtSeconds: clock.nowSeconds() + 300,
    });
    expect(provider.calls).toEqual(['/introspect']);
    expect(seen[0]).toEqual({
      authorization: `Basic ${Buffer.from('the+client:s%3Ae%2Fc%25ret').toString('base64')}`,
      form: { token: 'opaque.token~1', token_type_hint: 'access_token' },
    });
  });

  test('shows the secret in the form where the provider wants it there', async () => {
    const verifier = createVerifier({ introspection: { ...introspection(), authentication: 'client_secret_post' } });
    await verifier.verify('opaque');
    expect(seen[0]).toEqual({
      authorization: undefined,
      form: { token: 'opaque', token_type_hint: 'access_token', client_id: 'the client', client_secret: 's:e/c%ret' },
    });
  });

  test('asks once for many at once, and again after the cache has ended', async () => {
    const verifier = createVerifier();
    await Promise.all(Array.from({ length: 100 }, () => verifier.verify('opaque')));
    clock.advance(9.9);
    await verifier.verify('opaque');
    expect(seen).toHaveLength(1);
    clock.advance(0.1);
    answer = { active: false };
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token inactive');
    expect(seen).toHaveLength(2);
  });

  test('keeps nothing past exp, nor past the configured age', async () => {
    const verifier = createVerifier({
      introspection: { ...introspection(), cacheSeconds: 60 },
      clockToleranceSeconds: 0,
    });
    answer = { active: true, sub: 'alice', aud: 'api', exp: clock.nowSeconds() + 3 };
    await verifier.verify('opaque');
    clock.advance(3);
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token expired');
    const brief = createVerifier(
      { introspection: { ...introspection(), cacheSeconds: 60 } },
      { cache: { maxAgeSeconds: 1 } },
    );
    answer = { active: true, sub: 'alice', aud: 'api' };
    await brief.verify('opaque');
    clock.advance(1);
    await brief.verify('opaque');
    expect(seen).toHaveLength(4);
  });

  test('asks once about an inactive token while that is known', async () => {
    const verifier = createVerifier();
    answer = { active: false };
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token inactive');
    answer = { active: true, sub: 'alice', aud: 'api' };
    clock.advance(9.9);
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token inactive');
    clock.advance(0.1);
    await expect(refusalOf(verifier, 'opaque')).resolves.toBeUndefined();
    expect(seen).toHaveLength(2);
  });

  test.each<[string, object, string]>([
    ['another audience', { aud: 'other' }, 'wrong_audience'],
    ['no audience', { aud: undefined }, 'wrong_audience'],
    ['no subject', { sub: undefined }, 'malformed_subject'],
    ['another issuer', { iss: 'https://evil.example.com' }, 'unknown_issuer'],
    ['an end in the past', { exp: 1 }, 'expired'],
    ['an end that is no date', { exp: 'soon' }, 'malformed_date'],
    ['a binding to a key', { cnf: { jkt: 'x' } }, 'bound_token'],
  ])('refuses an answer with %s', async (_, changes, reason) => {
    answer = { ...(answer as object), ...changes };
    await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe(`invalid_token ${reason}`);
  });

  test("never takes another configured issuer's name", async () => {
    const other = { issuer: 'https://b.example.com', audiences: ['api'], jwks: { keys: [key.jwk] } };
    const record = { issuer: provider.issuer, audiences: ['api'], introspection: introspection() };
    const verifier = createJwtVerifier({ issuers: [record, other], clock });
    answer = { ...(answer as object), iss: other.issuer };
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token unknown_issuer');
    answer = { ...(answer as object), iss: provider.issuer };
    await expect(refusalOf(verifier, 'opaque2')).resolves.toBeUndefined();
  });

  test.each<[string, unknown, string]>([
    ['a list', [], 'not_introspection'],
    ['no word on it', {}, 'not_introspection'],
    ['active as text', { active: 'true' }, 'not_introspection'],
  ])('does not understand %s', async (_, value, reason) => {
    answer = value;
    await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe(`identity_unavailable ${reason}`);
  });

  test('is the provider’s fault when it refuses us', async () => {
    provider.answer = (_request, response) => sendJson(response, { error: 'invalid_client' }, 401);
    expect(await rejection(createVerifier().verify('opaque'))).toMatchObject({
      code: 'identity_unavailable',
      reason: 'status_401',
      retryAfterSeconds: 1,
    });
  });

  test('pauses after three failures in a row, longer each time', async () => {
    const verifier = createVerifier({}, { random: () => 0.9 });
    provider.answer = (_request, response) => sendJson(response, {}, 503);
    const fail = async (): Promise<string> => {
      const { reason, retryAfterSeconds } = await rejection(verifier.verify('opaque'));
      return `${reason} ${retryAfterSeconds}`;
    };
    expect([await fail(), await fail(), await fail(), await fail()]).toEqual([
      'status_503 1',
      'status_503 1',
      'status_503 1',
      'pause 1',
    ]);
    clock.advance(0.9);
    expect([await fail(), await fail()]).toEqual(['status_503 2', 'pause 2']);
    for (const seconds of [1.8, 3.6, 7.2, 13.5, 13.5]) {
      clock.advance(seconds);
      await fail();
    }
    await expect(fail()).resolves.toBe('pause 14');
    expect(provider.calls).toHaveLength(9);
    clock.advance(14);
    provider.answer = (_request, response) => sendJson(response, answer);
    await verifier.verify('opaque');
    provider.answer = (_request, response) => sendJson(response, {}, 503);
    clock.advance(11);
    expect([await fail(), await fail()]).toEqual(['status_503 1', 'status_503 1']);
  });

  test('has no more than 64 questions open', async () => {
    const verifier = createVerifier();
    provider.answer = () => {};
    const waiting = Array.from({ length: 64 }, (_, index) => refusalOf(verifier, `opaque-${index}`));
    await expect(refusalOf(verifier, 'one-more')).resolves.toBe('overloaded undefined');
    verifier.close();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['identity_unavailable closed']));
    await expect(refusalOf(verifier, 'opaque')).resolves.toMatch(/identity_unavailable (closed|pause)/);
  });

  test('remembers inactive tokens within a bound', async () => {
    const network: string[] = [];
    const verifier = createVerifier(
      {},
      {
        fetch: async (_url, init) => {
          network.push(String(init?.body));
          return Response.json({ active: false });
        },
      },
    );
    for (let index = 0; index <= 10_000; index += 1) await refusalOf(verifier, `opaque-${index}`);
    expect(network).toHaveLength(10_001);
    await refusalOf(verifier, 'opaque-10000');
    expect(network).toHaveLength(10_001);
    await refusalOf(verifier, 'opaque-0');
    expect(network).toHaveLength(10_002);
  });

  test('is not asked about JWTs, nor about what no token looks like', async () => {
    provider.answer = undefined;
    const now = clock.nowSeconds();
    const jwt = signToken(key, { iss: provider.issuer, sub: 'alice', aud: 'api', exp: now + 9 });
    const verifier = createVerifier();
    await expect(refusalOf(verifier, jwt)).resolves.toBeUndefined();
    await expect(refusalOf(verifier, 'two words')).resolves.toBe('invalid_token malformed_token');
    expect(provider.calls).not.toContain('/introspect');
  });

  test('is explained', async () => {
    const verifier = createVerifier();
    const accepted = await verifier.explain('opaque');
    expect(accepted).toMatchObject({ accepted: true, issuer: provider.issuer });
    expect(accepted.checks.map(({ check }) => check)).toEqual([
      'size',
      'form',
      'look-up',
      'issuer',
      'dates',
      'audience',
      'client',
      'subject',
      'binding',
      'revocation',
      'proof',
    ]);
    answer = { active: false };
    const { checks } = await verifier.explain('opaque2');
    expect(checks.find(({ outcome }) => outcome === 'failed')).toMatchObject({ check: 'look-up' });
  });

  test('checks the app that the token was issued to, where apps are named', async () => {
    const verifier = createVerifier({ clientIds: ['web'] });
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token wrong_client');
    answer = { ...(answer as object), client_id: 'web' };
    await expect(refusalOf(verifier, 'opaque2')).resolves.toBeUndefined();
  });

  test('heeds a revocation of the very token', async () => {
    const verifier = createVerifier();
    await verifier.verify('opaque');
    verifier.revoke({ token: 'opaque' });
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token revoked');
    await expect(refusalOf(verifier, 'other')).resolves.toBeUndefined();
  });
});

describe("Authgear's resolver", () => {
  let headers: Record<string, string>;
  let status = 200;
  let seen: IncomingMessage[] = [];

  beforeEach(() => {
    status = 200;
    seen = [];
    headers = { 'x-authgear-session-valid': 'true', 'x-authgear-user-id': 'user-1' };
    provider.answer = (request, response) => {
      seen.push(request);
      response.writeHead(status, headers).end();
    };
  });

  const createVerifier = (): JwtVerifier =>
    createJwtVerifier({ issuers: [authgear({ endpoint: `${provider.issuer}/`, resolver: true })], clock });

  test('turns an opaque token into a principal, with claims named as in its JWTs', async () => {
    Object.assign(headers, {
      'x-authgear-user-anonymous': 'false',
      'x-authgear-user-verified': 'true',
      'x-authgear-user-can-reauthenticate': 'true',
      'x-authgear-user-roles': 'admin,editor',
      'x-authgear-session-amr': 'pwd otp',
      'x-authgear-session-authenticated-at': '1700000000',
    });
    await expect(createVerifier().verify('opaque')).resolves.toEqual({
      issuer: provider.issuer,
      subject: 'user-1',
      scopes: [],
      claims: {
        iss: provider.issuer,
        sub: 'user-1',
        'https://authgear.com/claims/user/is_anonymous': false,
        'https://authgear.com/claims/user/is_verified': true,
        'https://authgear.com/claims/user/can_reauthenticate': true,
        'https://authgear.com/claims/user/roles': ['admin', 'editor'],
        amr: ['pwd', 'otp'],
        auth_time: 1_700_000_000,
      },
    });
    expect(seen[0]).toMatchObject({ method: 'GET', url: '/_resolver/resolve' });
    expect(seen[0]?.headers.authorization).toBe('Bearer opaque');
  });

  test('may say no more than who it is', async () => {
    const { claims } = await createVerifier().verify('opaque');
    expect(claims).toEqual({ iss: provider.issuer, sub: 'user-1' });
  });

  test.each([['false'], ['TRUE'], ['true, true'], ['1'], [undefined]])(
    'takes session-valid %s for no session',
    async (valid) => {
      headers = {
        'x-authgear-user-id': 'user-1',
        ...(valid === undefined ? {} : { 'x-authgear-session-valid': valid }),
      };
      await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe('invalid_token inactive');
    },
  );

  test('must name a user', async () => {
    headers = { 'x-authgear-session-valid': 'true' };
    await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe('invalid_token malformed_subject');
  });

  test('that fails is the provider’s fault', async () => {
    status = 500;
    await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe('identity_unavailable status_500');
  });
});

test('authgear() takes the JWTs of a project', async () => {
  const rsa = createSigningKey('k1', 'RS256');
  provider.keys = [rsa.jwk, key.jwk];
  const record = authgear({ endpoint: provider.issuer });
  expect(record).toEqual({
    issuer: provider.issuer,
    audiences: [provider.issuer],
    algorithms: ['RS256'],
    jwksUri: `${provider.issuer}/oauth2/jwks`,
    tokenType: 'access',
  });
  const verifier = createJwtVerifier({ issuers: [record], clock });
  const now = clock.nowSeconds();
  const claims = { iss: provider.issuer, aud: [provider.issuer], sub: 'u', iat: now, exp: now + 1800, client_id: 'c' };
  await expect(refusalOf(verifier, signToken(rsa, claims))).resolves.toBeUndefined();
  await expect(refusalOf(verifier, signToken(key, claims))).resolves.toBe('invalid_token algorithm_not_allowed');
  await expect(refusalOf(verifier, signToken(rsa, { ...claims, aud: 'c' }))).resolves.toBe(
    'invalid_token wrong_audience',
  );
});
