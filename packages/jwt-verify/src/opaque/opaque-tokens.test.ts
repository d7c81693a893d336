import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { JwtVerifierEvent } from '../keys/key-events.ts';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';
import type { JwtVerifier } from '../verify/jwt-verifier.ts';
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
  let introspected: unknown;

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
    introspected = { active: true, sub: 'alice', aud: 'api', scope: 'read', exp: clock.nowSeconds() + 300 };
    provider.respond = (request: IncomingMessage, response) => {
      const respond = async (): Promise<void> => {
        const form = Object.fromEntries(new URLSearchParams(await text(request)));
        seen.push({ authorization: request.headers.authorization, form });
        sendJson(response, introspected);
      };
      void respond();
    };
  });

  test('the first of several failed look-ups is reported, and the first response after them', async () => {
    const events: JwtVerifierEvent[] = [];
    const verifier = createVerifier({}, { onEvent: (event) => events.push(event) });
    const { respond } = provider;
    provider.respond = (_request, response) => void response.writeHead(401).end();
    for (const token of ['one', 'two']) await rejection(verifier.verify(token));
    provider.respond = respond;
    for (const token of ['three', 'four']) await verifier.verify(token);
    expect(events).toEqual([
      { type: 'look_ups_failed', issuer: provider.issuer, reason: 'status_401' },
      { type: 'look_ups_recovered', issuer: provider.issuer },
    ]);
  });

  test('a look-up that `close` ended is not reported', async () => {
    const events: JwtVerifierEvent[] = [];
    const verifier = createVerifier({}, { onEvent: (event) => events.push(event) });
    provider.respond = () => verifier.close();
    await rejection(verifier.verify('one'));
    expect(events).toEqual([]);
  });

  test('an opaque token becomes a principal by introspection', async () => {
    await expect(createVerifier().verify('opaque.token~1')).resolves.toEqual({
      issuer: provider.issuer,
      subject: 'alice',
      scopes: ['read'],
      claims: introspected,
      expiresAtSeconds: clock.nowSeconds() + 300,
    });
    expect(provider.calls).toEqual(['/introspect']);
    expect(seen[0]).toEqual({
      authorization: `Basic ${Buffer.from('the+client:s%3Ae%2Fc%25ret').toString('base64')}`,
      form: { token: 'opaque.token~1', token_type_hint: 'access_token' },
    });
  });

  test('an opaque token becomes a principal although its claims are nested deeply', async () => {
    const nested = '['.repeat(50_000) + ']'.repeat(50_000);
    const json = JSON.stringify(introspected).replace('}', `,"nested":${nested}}`);
    provider.respond = (_request, response) => void response.setHeader('content-type', 'application/json').end(json);
    await expect(createVerifier().verify('opaque')).resolves.toMatchObject({ subject: 'alice' });
  });

  test('introspection with client_secret_post sends the client secret in the form', async () => {
    const verifier = createVerifier({ introspection: { ...introspection(), authentication: 'client_secret_post' } });
    await verifier.verify('opaque');
    expect(seen[0]).toEqual({
      authorization: undefined,
      form: { token: 'opaque', token_type_hint: 'access_token', client_id: 'the client', client_secret: 's:e/c%ret' },
    });
  });

  test('callers that send one opaque token share one introspection, which is repeated after cacheSeconds', async () => {
    const verifier = createVerifier();
    await Promise.all(Array.from({ length: 100 }, () => verifier.verify('opaque')));
    clock.advance(9900);
    await verifier.verify('opaque');
    expect(seen).toHaveLength(1);
    clock.advance(100);
    introspected = { active: false };
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token inactive');
    expect(seen).toHaveLength(2);
  });

  test('an introspected token is not reused past its exp or past maxAgeSeconds', async () => {
    const verifier = createVerifier({
      introspection: { ...introspection(), cacheSeconds: 60 },
      clockToleranceSeconds: 0,
    });
    introspected = { active: true, sub: 'alice', aud: 'api', exp: clock.nowSeconds() + 3 };
    await verifier.verify('opaque');
    clock.advance(3000);
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token expired');
    const brief = createVerifier(
      { introspection: { ...introspection(), cacheSeconds: 60 } },
      { cache: { maxAgeSeconds: 1 } },
    );
    introspected = { active: true, sub: 'alice', aud: 'api' };
    await brief.verify('opaque');
    clock.advance(1000);
    await brief.verify('opaque');
    expect(seen).toHaveLength(4);
  });

  test('a word for a missing value is refused without introspection', async () => {
    const verifier = createVerifier();
    await expect(refusalOf(verifier, 'undefined')).resolves.toBe('invalid_token malformed_token');
    expect(seen).toHaveLength(0);
  });

  test('null in a response of introspection counts as an absent member', async () => {
    const verifier = createVerifier();
    introspected = { active: true, sub: 'alice', aud: 'api', iss: null, exp: null, iat: null, nbf: null, cnf: null };
    await expect(refusalOf(verifier, 'opaque')).resolves.toBeUndefined();
  });

  test('an inactive token is introspected once in cacheSeconds', async () => {
    const verifier = createVerifier();
    introspected = { active: false };
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token inactive');
    introspected = { active: true, sub: 'alice', aud: 'api' };
    clock.advance(9900);
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token inactive');
    clock.advance(100);
    await expect(refusalOf(verifier, 'opaque')).resolves.toBeUndefined();
    expect(seen).toHaveLength(2);
  });

  test.each<[string, object, string]>([
    ['another audience', { aud: 'other' }, 'wrong_audience'],
    ['no audience', { aud: undefined }, 'wrong_audience'],
    ['no subject', { sub: undefined }, 'malformed_subject'],
    ['another issuer', { iss: 'https://evil.example.com' }, 'unknown_issuer'],
    ['an exp in the past', { exp: 1 }, 'expired'],
    ['an exp that is not a date', { exp: 'soon' }, 'malformed_date'],
    ['a binding to a key', { cnf: { jkt: 'x' } }, 'bound_token'],
  ])('verify() refuses an opaque token whose introspection response has %s', async (_, changes, reason) => {
    introspected = { ...(introspected as object), ...changes };
    await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe(`invalid_token ${reason}`);
  });

  test('verify() refuses an introspection response with the iss of another configured issuer', async () => {
    const other = { issuer: 'https://b.example.com', audiences: ['api'], jwks: { keys: [key.jwk] } };
    const record = { issuer: provider.issuer, audiences: ['api'], introspection: introspection() };
    const verifier = createJwtVerifier({ issuers: [record, other], clock });
    introspected = { ...(introspected as object), iss: other.issuer };
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token unknown_issuer');
    introspected = { ...(introspected as object), iss: provider.issuer };
    await expect(refusalOf(verifier, 'opaque2')).resolves.toBeUndefined();
  });

  test.each<[string, unknown, string]>([
    ['that is a JSON array', [], 'not_introspection'],
    ['without active', {}, 'not_introspection'],
    ['whose active is a string', { active: 'true' }, 'not_introspection'],
  ])('verify() rejects with identity_unavailable for an introspection response %s', async (_, value, reason) => {
    introspected = value;
    await expect(refusalOf(createVerifier(), 'opaque')).resolves.toBe(`identity_unavailable ${reason}`);
  });

  test('verify() rejects with identity_unavailable if the introspection endpoint refuses the client secret', async () => {
    provider.respond = (_request, response) => sendJson(response, { error: 'invalid_client' }, 401);
    expect(await rejection(createVerifier().verify('opaque'))).toMatchObject({
      code: 'identity_unavailable',
      reason: 'status_401',
      retryAfterSeconds: 1,
    });
  });

  test('introspection pauses after three failures in a row, for longer each time', async () => {
    const verifier = createVerifier({}, { random: () => 0.9 });
    provider.respond = (_request, response) => sendJson(response, {}, 503);
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
    clock.advance(900);
    expect([await fail(), await fail()]).toEqual(['status_503 2', 'pause 2']);
    for (const seconds of [1.8, 3.6, 7.2, 13.5, 13.5]) {
      clock.advance(seconds * 1000);
      await fail();
    }
    await expect(fail()).resolves.toBe('pause 14');
    expect(provider.calls).toHaveLength(9);
    clock.advance(14_000);
    provider.respond = (_request, response) => sendJson(response, introspected);
    await verifier.verify('opaque');
    provider.respond = (_request, response) => sendJson(response, {}, 503);
    clock.advance(11_000);
    expect([await fail(), await fail()]).toEqual(['status_503 1', 'status_503 1']);
  });

  /** Returns a verifier whose provider responds when the test says so, and the calls that wait for it. */
  function createGatedVerifier() {
    const calls: { readonly token: string | null; readonly respond: (body: object) => void }[] = [];
    const verifier = createVerifier(
      {},
      {
        fetch: (_url, init) =>
          new Promise((resolve) => {
            const token = new URLSearchParams(String(init?.body)).get('token');
            calls.push({ token, respond: (body) => resolve(Response.json(body)) });
          }),
      },
    );
    return { verifier, calls };
  }

  test('64 unknown tokens are introspected at one time, 256 wait, and verify() rejects one more with overloaded', async () => {
    const { verifier, calls } = createGatedVerifier();
    const refusals = Array.from({ length: 320 }, (_, index) => refusalOf(verifier, `opaque-${index}`));
    await expect(refusalOf(verifier, 'one-more')).resolves.toBe('overloaded undefined');
    expect(calls).toHaveLength(64);
    for (let index = 0; index < 320; index += 1) {
      await expect.poll(() => calls.length).toBeGreaterThan(index);
      calls[index]?.respond({ active: false });
    }
    expect(new Set(await Promise.all(refusals))).toEqual(new Set(['invalid_token inactive']));
    expect(calls.map(({ token }) => token)).toEqual(Array.from({ length: 320 }, (_, index) => `opaque-${index}`));
  });

  test('tokens that were accepted before are introspected while strangers occupy every place', async () => {
    const { verifier, calls } = createGatedVerifier();
    const accepted = verifier.verify('alice');
    await expect.poll(() => calls).toHaveLength(1);
    calls[0]?.respond(introspected as object);
    await accepted;
    const strangers = Array.from({ length: 320 }, (_, index) => refusalOf(verifier, `opaque-${index}`));
    await expect(refusalOf(verifier, 'bob')).resolves.toBe('overloaded undefined');
    clock.advance(10_000);
    const again = verifier.verify('alice');
    await expect.poll(() => calls).toHaveLength(66);
    expect(calls.at(-1)?.token).toBe('alice');
    calls.at(-1)?.respond(introspected as object);
    await expect(again).resolves.toMatchObject({ subject: 'alice' });
    verifier.close();
    expect(new Set(await Promise.all(strangers))).toEqual(
      new Set(['identity_unavailable closed', 'identity_unavailable pause']),
    );
  });

  test('tokens that were accepted before are introspected while the look-ups of strangers fail and pause', async () => {
    let status = 200;
    provider.respond = (_request, response) => sendJson(response, introspected, status);
    const verifier = createVerifier({}, { random: () => 0.9 });
    await verifier.verify('alice');
    clock.advance(10_000);
    status = 500;
    const strangers = ['one', 'two', 'three', 'four'].map((token) => `opaque-${token}`);
    const refusals: (string | undefined)[] = [];
    for (const token of strangers) refusals.push(await refusalOf(verifier, token));
    expect(refusals).toEqual([...Array(3).fill('identity_unavailable status_500'), 'identity_unavailable pause']);
    status = 200;
    await expect(verifier.verify('alice')).resolves.toMatchObject({ subject: 'alice' });
    await expect(refusalOf(verifier, 'bob')).resolves.toBe('identity_unavailable pause');
  });

  test('a new token that arrives during a flood is introspected in the order of arrival once a place is free', async () => {
    const { verifier, calls } = createGatedVerifier();
    const strangers = Array.from({ length: 320 }, (_, index) => refusalOf(verifier, `opaque-${index}`));
    await expect(refusalOf(verifier, 'bob')).resolves.toBe('overloaded undefined');
    calls[0]?.respond({ active: false });
    await expect(strangers[0]).resolves.toBe('invalid_token inactive');
    const bob = verifier.verify('bob');
    const later = refusalOf(verifier, 'one-more');
    await expect(later).resolves.toBe('overloaded undefined');
    for (let index = 1; index < 320; index += 1) {
      await expect.poll(() => calls.length).toBeGreaterThan(index);
      calls[index]?.respond({ active: false });
    }
    await expect.poll(() => calls.at(-1)?.token).toBe('bob');
    calls.at(-1)?.respond(introspected as object);
    await expect(bob).resolves.toMatchObject({ subject: 'alice' });
    await Promise.all(strangers);
  });

  test('a token that the provider has ended loses its place among accepted tokens', async () => {
    const { verifier, calls } = createGatedVerifier();
    const respond = async (body: object): Promise<void> => {
      const count = calls.length;
      const outcome = refusalOf(verifier, 'alice');
      await expect.poll(() => calls.length).toBeGreaterThan(count);
      calls.at(-1)?.respond(body);
      await outcome;
      clock.advance(10_000);
    };
    await respond(introspected as object);
    await respond({ active: false });
    const strangers = Array.from({ length: 320 }, (_, index) => refusalOf(verifier, `opaque-${index}`));
    await expect(refusalOf(verifier, 'alice')).resolves.toBe('overloaded undefined');
    verifier.close();
    await Promise.all(strangers);
  });

  test.each<[string, object]>([
    ['is for another audience', { aud: 'other' }],
    ['has expired', { exp: 1 }],
    ['has no subject', { sub: undefined }],
  ])('an active token that %s is introspected once in ten seconds', async (_, changes) => {
    const verifier = createVerifier({ introspection: { ...introspection(), cacheSeconds: 60 } });
    introspected = { ...(introspected as object), ...changes };
    const first = await refusalOf(verifier, 'opaque');
    expect(first).toMatch(/^invalid_token /);
    for (let second = 0; second < 9; second += 1) {
      clock.advance(1000);
      await expect(refusalOf(verifier, 'opaque')).resolves.toBe(first);
    }
    expect(seen).toHaveLength(1);
    clock.advance(1000);
    await refusalOf(verifier, 'opaque');
    expect(seen).toHaveLength(2);
  });

  test('a token that is not valid yet is introspected again', async () => {
    const verifier = createVerifier();
    introspected = { ...(introspected as object), nbf: clock.nowSeconds() + 6 };
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token not_yet_valid');
    clock.advance(2000);
    await expect(refusalOf(verifier, 'opaque')).resolves.toBeUndefined();
    expect(seen).toHaveLength(2);
  });

  test('the oldest of 10,000 refused tokens makes room for the next', async () => {
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
    await refusalOf(verifier, 'opaque-1');
    expect(network).toHaveLength(10_001);
    await refusalOf(verifier, 'opaque-0');
    expect(network).toHaveLength(10_002);
  });

  test('introspection responses may begin with a byte order mark', async () => {
    provider.respond = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(`\uFEFF${JSON.stringify(introspected)}`);
    };
    await expect(createVerifier().verify('opaque')).resolves.toMatchObject({ subject: 'alice' });
  });

  test('the introspection endpoint receives neither JWTs nor text that cannot be a token', async () => {
    provider.respond = undefined;
    const now = clock.nowSeconds();
    const jwt = signToken(key, { iss: provider.issuer, sub: 'alice', aud: 'api', exp: now + 9 });
    const verifier = createVerifier();
    await expect(refusalOf(verifier, jwt)).resolves.toBeUndefined();
    await expect(refusalOf(verifier, 'two words')).resolves.toBe('invalid_token malformed_token');
    expect(provider.calls).not.toContain('/introspect');
  });

  test('explain() describes every step for an opaque token', async () => {
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
      'claim-rules',
      'person',
      'subject',
      'binding',
      'revocation',
      'proof',
    ]);
    introspected = { active: false };
    const { checks } = await verifier.explain('opaque2');
    expect(checks.find(({ outcome }) => outcome === 'failed')).toMatchObject({ check: 'look-up' });
  });

  test('an opaque token of another app is refused if clientIds is set', async () => {
    const verifier = createVerifier({ clientIds: ['web'] });
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token wrong_client');
    introspected = { ...(introspected as object), client_id: 'web' };
    await expect(refusalOf(verifier, 'opaque2')).resolves.toBeUndefined();
  });

  test('a revoked opaque token is refused, and another one is accepted', async () => {
    const verifier = createVerifier();
    await verifier.verify('opaque');
    verifier.revoke({ token: 'opaque' });
    await expect(refusalOf(verifier, 'opaque')).resolves.toBe('invalid_token revoked');
    await expect(refusalOf(verifier, 'other')).resolves.toBeUndefined();
  });
});
