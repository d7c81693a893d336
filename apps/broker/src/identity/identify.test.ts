import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '@valetkey/jwt-verify';
import { expect, test } from 'vitest';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Logout, Store } from '../storage/store.ts';
import { createIdentify, principalKey, type CallerRequest } from './identify.ts';

const request: CallerRequest = { id: 'request-1', token: '', operation: 'issue' };
const recordRefusal = async () => undefined;
const alice: Principal = { issuer: 'https://id.example.com', subject: 'alice', scopes: [], claims: {} };

/** Creates a verifier that returns a principal or throws. */
function createVerifier(verify: (token: string) => Principal): JwtVerifier {
  return { verify: async (token: string) => verify(token) } as JwtVerifier;
}

/** Creates a store that adds each call of `isBlocked` to `events`. */
function createWatchedStore(events: string[]): Store {
  const store = createSqliteStore(':memory:');
  return {
    ...store,
    isBlocked: (principal) => {
      events.push(`isBlocked ${principal.subject}`);
      return store.isBlocked(principal);
    },
  };
}

test('identify verifies the token, then checks the rate limit, then reads the block list, and returns the principal', async () => {
  const events: string[] = [];
  const identify = createIdentify({
    recordRefusal,
    verifier: createVerifier((token) => {
      events.push(`verify ${token}`);
      return alice;
    }),
    store: createWatchedStore(events),
    assertWithinRate: ({ subject }) => events.push(`assertWithinRate ${subject}`),
  });
  expect(await identify({ ...request, token: 'token-1' })).toBe(alice);
  expect(events).toEqual(['verify token-1', 'assertWithinRate alice', 'isBlocked alice']);
});

test.each(['invalid_token', 'identity_unavailable'] as const)(
  'identify rejects with the error `%s` of the verifier, without checking the rate limit or reading the store',
  async (code) => {
    const events: string[] = [];
    const refusal = new ValetKeyError(code, 'No.', { reason: 'canary' });
    const identify = createIdentify({
      recordRefusal,
      verifier: createVerifier(() => {
        throw refusal;
      }),
      store: createWatchedStore(events),
      assertWithinRate: () => events.push('assertWithinRate'),
    });
    await expect(identify({ ...request, token: 'token' })).rejects.toBe(refusal);
    expect(events).toEqual([]);
  },
);

test('identify rejects a principal above the rate limit before it reads the store', async () => {
  const events: string[] = [];
  const refusal = new ValetKeyError('rate_limited', 'Too many.');
  const identify = createIdentify({
    recordRefusal,
    verifier: createVerifier(() => alice),
    store: createWatchedStore(events),
    assertWithinRate: () => {
      throw refusal;
    },
  });
  await expect(identify({ ...request, token: 'token' })).rejects.toBe(refusal);
  expect(events).toEqual([]);
});

test('identify rejects a blocked principal until it is unblocked, and no principal with another issuer or subject', async () => {
  const store = createSqliteStore(':memory:');
  const identify = createIdentify({
    recordRefusal,
    verifier: createVerifier((token) => JSON.parse(token) as Principal),
    store,
  });
  const identifyAs = (changes: Partial<Principal>) =>
    identify({ ...request, token: JSON.stringify({ ...alice, ...changes }) });
  await identifyAs({});
  await store.blockUser(alice);
  await expect(identifyAs({})).rejects.toMatchObject({ code: 'user_blocked' });
  await identifyAs({ issuer: 'https://other.example.com' });
  await identifyAs({ subject: 'Alice' });
  await store.unblockUser(alice);
  await identifyAs({});
});

const logout = {
  issuer: alice.issuer,
  tokenId: 'token-1',
  tokenExpiresAtMs: 2_000,
  issuedUntilSeconds: 100,
  keepUntilMs: 3_000,
};

test.each<[string, Partial<Logout>, Partial<Principal>, boolean]>([
  ['of the user, issued before', { subject: 'alice' }, { claims: { iat: 99 } }, true],
  ['of the user, issued in the same second', { subject: 'alice' }, { claims: { iat: 100 } }, true],
  ['of the user, issued after', { subject: 'alice' }, { claims: { iat: 101 } }, false],
  ['of the user, without iat', { subject: 'alice' }, {}, true],
  ['of the user, with a session', { subject: 'alice' }, { claims: { iat: 99, sid: 's-1' } }, true],
  ['of another user', { subject: 'bob' }, { claims: { iat: 99 } }, false],
  ['of another issuer', { subject: 'alice', issuer: 'https://other.example.com' }, { claims: { iat: 99 } }, false],
  ['of the session', { session: 's-1' }, { claims: { iat: 99, sid: 's-1' } }, true],
  ['of the session, issued after', { session: 's-1' }, { claims: { iat: 101, sid: 's-1' } }, true],
  ['of another session', { session: 's-1' }, { claims: { iat: 99, sid: 's-2' } }, false],
  ['without a session, if only the session is named', { session: 's-1' }, { claims: { iat: 99 } }, false],
  ['whose session is no text', { session: 's-1' }, { claims: { iat: 99, sid: ['s-1'] } }, false],
  [
    'of the named session of the user',
    { subject: 'alice', session: 's-1' },
    { claims: { iat: 101, sid: 's-1' } },
    true,
  ],
  ['of another session of the user', { subject: 'alice', session: 's-1' }, { claims: { iat: 99, sid: 's-2' } }, false],
  ['of the user, without a session', { subject: 'alice', session: 's-1' }, { claims: { iat: 100 } }, true],
  [
    'of the user, without a session, issued after',
    { subject: 'alice', session: 's-1' },
    { claims: { iat: 101 } },
    false,
  ],
])('identify decides after a logout about a token %s', async (_, named, token, isRefused) => {
  const store = createSqliteStore(':memory:');
  const identify = createIdentify({ recordRefusal, verifier: createVerifier(() => ({ ...alice, ...token })), store });
  await identify({ ...request, token: 'token' });
  await store.recordLogout({ ...logout, ...named });
  const refusal = await identify({ ...request, token: 'token' }).then(
    () => undefined,
    ({ code, reason }: ValetKeyError) => `${code} ${reason}`,
  );
  expect(refusal).toBe(isRefused ? 'invalid_token revoked' : undefined);
});

test('identify rejects a blocked principal with `user_blocked` although its token is revoked', async () => {
  const store = createSqliteStore(':memory:');
  await store.recordLogout({ ...logout, subject: 'alice' });
  await store.blockUser(alice);
  const identify = createIdentify({ recordRefusal, verifier: createVerifier(() => alice), store });
  await expect(identify({ ...request, token: 'token' })).rejects.toMatchObject({ code: 'user_blocked' });
});

test('identify rejects with `overloaded` when the block list cannot be read', async () => {
  const store = createSqliteStore(':memory:');
  await store.close();
  const identify = createIdentify({ recordRefusal, verifier: createVerifier(() => alice), store });
  await expect(identify({ ...request, token: 'token' })).rejects.toMatchObject({ code: 'overloaded' });
});

test('principalKey returns equal keys for equal principals and different keys for different ones', () => {
  const principals = [
    { issuer: 'https://a', subject: 'b' },
    { issuer: 'https://a","b', subject: '' },
    { issuer: 'https://a"', subject: ',"b' },
    { issuer: '', subject: 'https://ab' },
    { issuer: 'https://ab', subject: '' },
    { issuer: 'https://a', subject: 'B' },
  ];
  expect(new Set(principals.map(principalKey)).size).toBe(principals.length);
  expect(principalKey({ issuer: 'https://a', subject: 'b' })).toBe(principalKey({ subject: 'b', issuer: 'https://a' }));
});

test.each<[code: string, refuse: () => never]>([
  [
    'user_blocked',
    () => {
      throw new ValetKeyError('user_blocked', 'No.');
    },
  ],
  [
    'rate_limited',
    () => {
      throw new ValetKeyError('rate_limited', 'No.', { reason: 'too_many' });
    },
  ],
])('identify records that a verified caller is refused with `%s` before it rejects', async (code, refuse) => {
  const recorded: unknown[] = [];
  const identify = createIdentify({
    verifier: createVerifier(() => alice),
    store: createSqliteStore(':memory:'),
    assertWithinRate: refuse,
    recordRefusal: async (principal, { id, operation }, refusal) => {
      recorded.push([principal.subject, id, operation, refusal.code]);
    },
  });
  await expect(identify(request)).rejects.toMatchObject({ code });
  expect(recorded).toEqual([['alice', 'request-1', 'issue', code]]);
});

test('identify records nothing while the store cannot be read', async () => {
  const overloaded = new ValetKeyError('overloaded', 'No.');
  const identify = createIdentify({
    verifier: createVerifier(() => alice),
    store: { ...createSqliteStore(':memory:'), isBlocked: () => Promise.reject(overloaded) },
    recordRefusal: () => Promise.reject(new Error('recorded')),
  });
  await expect(identify(request)).rejects.toBe(overloaded);
});
