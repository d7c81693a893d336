import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '@valetkey/jwt-verify';
import { expect, test } from 'vitest';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Store } from '../storage/store.ts';
import { createIdentify } from './identify.ts';

const alice: Principal = { issuer: 'https://id.example.com', subject: 'alice', scopes: [], claims: {} };

/** Creates a verifier that returns a principal or throws. */
function createVerifier(verify: (token: string) => Principal): JwtVerifier {
  return { verify: async (token: string) => verify(token) } as JwtVerifier;
}

/** Creates a store that keeps the order of its calls. */
function createWatchedStore(events: string[]): Store {
  const store = createSqliteStore(':memory:');
  return {
    ...store,
    isBlocked: (person) => {
      events.push(`isBlocked ${person.subject}`);
      return store.isBlocked(person);
    },
  };
}

test('identify verifies the token, counts the request, reads the block list and returns the principal', async () => {
  const events: string[] = [];
  const identify = createIdentify({
    verifier: createVerifier((token) => {
      events.push(`verify ${token}`);
      return alice;
    }),
    store: createWatchedStore(events),
    countRequest: ({ subject }) => events.push(`count ${subject}`),
  });
  expect(await identify('token-1')).toBe(alice);
  expect(events).toEqual(['verify token-1', 'count alice', 'isBlocked alice']);
});

test.each(['invalid_token', 'identity_unavailable'] as const)(
  'identify throws the error `%s` of the verifier unchanged, without counting or reading the store',
  async (code) => {
    const events: string[] = [];
    const refusal = new ValetKeyError(code, 'No.', { reason: 'canary' });
    const identify = createIdentify({
      verifier: createVerifier(() => {
        throw refusal;
      }),
      store: createWatchedStore(events),
      countRequest: () => events.push('count'),
    });
    await expect(identify('token')).rejects.toBe(refusal);
    expect(events).toEqual([]);
  },
);

test('identify ends a request above the limit before it reads the store', async () => {
  const events: string[] = [];
  const refusal = new ValetKeyError('rate_limited', 'Too many.');
  const identify = createIdentify({
    verifier: createVerifier(() => alice),
    store: createWatchedStore(events),
    countRequest: () => {
      throw refusal;
    },
  });
  await expect(identify('token')).rejects.toBe(refusal);
  expect(events).toEqual([]);
});

test('identify refuses a blocked user from the next request on, and only this issuer and subject', async () => {
  const store = createSqliteStore(':memory:');
  const identify = createIdentify({
    verifier: createVerifier((token) => JSON.parse(token) as Principal),
    store,
  });
  const identifyAs = (person: Partial<Principal>) => identify(JSON.stringify({ ...alice, ...person }));
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
