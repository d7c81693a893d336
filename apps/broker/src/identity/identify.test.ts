import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '@valetkey/jwt-verify';
import { expect, test } from 'vitest';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Store } from '../storage/store.ts';
import { createIdentify, principalKey } from './identify.ts';

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
    verifier: createVerifier((token) => {
      events.push(`verify ${token}`);
      return alice;
    }),
    store: createWatchedStore(events),
    assertWithinRate: ({ subject }) => events.push(`assertWithinRate ${subject}`),
  });
  expect(await identify('token-1')).toBe(alice);
  expect(events).toEqual(['verify token-1', 'assertWithinRate alice', 'isBlocked alice']);
});

test.each(['invalid_token', 'identity_unavailable'] as const)(
  'identify rejects with the error `%s` of the verifier, without checking the rate limit or reading the store',
  async (code) => {
    const events: string[] = [];
    const refusal = new ValetKeyError(code, 'No.', { reason: 'canary' });
    const identify = createIdentify({
      verifier: createVerifier(() => {
        throw refusal;
      }),
      store: createWatchedStore(events),
      assertWithinRate: () => events.push('assertWithinRate'),
    });
    await expect(identify('token')).rejects.toBe(refusal);
    expect(events).toEqual([]);
  },
);

test('identify rejects a principal above the rate limit before it reads the store', async () => {
  const events: string[] = [];
  const refusal = new ValetKeyError('rate_limited', 'Too many.');
  const identify = createIdentify({
    verifier: createVerifier(() => alice),
    store: createWatchedStore(events),
    assertWithinRate: () => {
      throw refusal;
    },
  });
  await expect(identify('token')).rejects.toBe(refusal);
  expect(events).toEqual([]);
});

test('identify rejects a blocked principal until it is unblocked, and no principal with another issuer or subject', async () => {
  const store = createSqliteStore(':memory:');
  const identify = createIdentify({
    verifier: createVerifier((token) => JSON.parse(token) as Principal),
    store,
  });
  const identifyAs = (changes: Partial<Principal>) => identify(JSON.stringify({ ...alice, ...changes }));
  await identifyAs({});
  await store.blockUser(alice);
  await expect(identifyAs({})).rejects.toMatchObject({ code: 'user_blocked' });
  await identifyAs({ issuer: 'https://other.example.com' });
  await identifyAs({ subject: 'Alice' });
  await store.unblockUser(alice);
  await identifyAs({});
});

test('identify rejects with `overloaded` when the block list cannot be read', async () => {
  const store = createSqliteStore(':memory:');
  await store.close();
  const identify = createIdentify({ verifier: createVerifier(() => alice), store });
  await expect(identify('token')).rejects.toMatchObject({ code: 'overloaded' });
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
