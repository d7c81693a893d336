import {
  Secret,
  systemClock,
  ValetKeyError,
  type ClientToken,
  type IssueAbility,
  type IssueRequest,
  type Principal,
  type TokenKey,
  type Vendor,
} from '@valetkey/core-types';
import { createTokenCache, type TokenCache } from '@valetkey/token-cache';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { VendorUserSource } from '../config/connection-policy.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { createAppTokenBound } from './app-token-bound.ts';
import type { Connection } from './connections.ts';
import { boundLifetime, issueClientToken } from './issue-token.ts';
import { OperationFailure } from './perform.ts';
import { createVendorUsers } from './vendor-users.ts';

const alice: Principal = { issuer: 'https://id.example.com', subject: 'alice', scopes: [], claims: { patient: 'p-1' } };
const bob: Principal = { ...alice, subject: 'bob', claims: { patient: 'p-2' } };
const parameters = z.strictObject({ room: z.string().max(8).optional() });

function createConnection(
  vendor: Omit<Vendor, 'id' | 'close'>,
  source?: VendorUserSource,
  name = 'acme-eu',
): Connection {
  const whole: Vendor = { id: 'acme', close: async () => undefined, ...vendor };
  const store = createSqliteStore(':memory:');
  const users = createVendorUsers({ connection: name, vendor: whole, source, store, clock: systemClock });
  return { name, vendor: whole, users, rules: [], isCircuitOpen: () => false };
}

/** Creates an account-bound `issue` ability that numbers its tokens. `requests` lists its calls. */
function createAccountAbility(key?: (request: IssueRequest<'account'>) => TokenKey | undefined) {
  const requests: IssueRequest<'account'>[] = [];
  const ability: IssueAbility<'account'> = {
    bound: 'account',
    parameters,
    cache: key && { minRemainingSeconds: 60, key },
    issue: async (request) => {
      requests.push(request);
      const fields = { token: new Secret(`token-${requests.length}`) };
      return { fields, expiresInSeconds: 3_600 };
    },
  };
  return { ability, requests };
}

/** Creates a user-bound `issue` ability that rejects the users that the vendor does not know. `requested` lists its calls. */
function createUserAbility(isKnown: (vendorUserId: string) => boolean = () => true) {
  const requested: string[] = [];
  const ability: IssueAbility<'user'> = {
    bound: 'user',
    parameters,
    issue: async ({ vendorUserId }) => {
      requested.push(vendorUserId);
      if (!isKnown(vendorUserId)) throw new ValetKeyError('vendor_user_not_found', 'Deleted.', { vendor: 'acme' });
      return { vendorUserId, fields: { token: vendorUserId } };
    },
  };
  return { ability, requested };
}

const tokenOf = ({ result }: { result: ClientToken }) => String((result.fields['token'] as Secret).reveal());

test('issueClientToken rejects a vendor that issues no tokens', async () => {
  const attempt = issueClientToken(createConnection({}), alice, undefined, createTokenCache());
  await expect(attempt).rejects.toMatchObject({ code: 'operation_not_supported', vendor: 'acme' });
});

test.each([
  ['a body with an unknown field', { romo: 'canary' }, 'romo'],
  ['a body with a value that is too long', { room: 'canary-canary' }, 'room'],
  ['a list instead of an object', ['canary'], 'the whole body'],
  ['a text instead of an object', 'canary', 'the whole body'],
  ['a body with null in a field', { room: null }, 'room'],
])('issueClientToken rejects %s and names the field, without calling the vendor', async (_, body, field) => {
  const { ability, requests } = createAccountAbility();
  const failure: unknown = await issueClientToken(
    createConnection({ issue: ability }),
    alice,
    body,
    createTokenCache(),
  ).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'invalid_request', remediation: expect.stringContaining(field) });
  expect(JSON.stringify(failure)).not.toContain('canary');
  expect(requests).toEqual([]);
});

test('issueClientToken passes the principal and the parsed body to the vendor, and an empty body if there is none', async () => {
  const { ability, requests } = createAccountAbility();
  const connection = createConnection({ issue: ability });
  for (const body of [{ room: 'a' }, undefined, null]) {
    await issueClientToken(connection, alice, body, createTokenCache());
  }
  expect(requests).toMatchObject([
    { principal: alice, parameters: { room: 'a' } },
    { principal: alice, parameters: {} },
    { principal: alice, parameters: {} },
  ]);
});

test('issueClientToken calls the vendor for each account-bound token if the ability has no `cache`', async () => {
  const { ability, requests } = createAccountAbility();
  const connection = createConnection({ issue: ability });
  const tokens = createTokenCache();
  for (let count = 0; count < 3; count += 1) await issueClientToken(connection, alice, undefined, tokens);
  expect(requests).toHaveLength(3);
});

test('issueClientToken rejects a user-bound token of another user than the requested one', async () => {
  const { ability } = createUserAbility();
  const issue = async (request: IssueRequest<'user'>) => ({
    ...(await ability.issue(request)),
    vendorUserId: 'u-canary',
  });
  const connection = createConnection({ issue: { ...ability, issue } }, { claim: 'patient' });
  const failure: unknown = await issueClientToken(connection, alice, undefined, createTokenCache()).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ vendorUserId: 'p-1', thrown: { code: 'vendor_response_invalid', vendor: 'acme' } });
  expect(JSON.stringify(failure)).not.toContain('canary');
});

test('issueClientToken rejects an account-bound token of a user', async () => {
  const { ability } = createAccountAbility();
  const issue = async (request: IssueRequest<'account'>) => ({
    ...(await ability.issue(request)),
    vendorUserId: 'u-1',
  });
  const attempt = issueClientToken(
    createConnection({ issue: { ...ability, issue } }),
    alice,
    undefined,
    createTokenCache(),
  );
  await expect(attempt).rejects.toMatchObject({ code: 'vendor_response_invalid', vendor: 'acme' });
});

test.each(['vendor', 'bound', 'kind'])('an adapter cannot change the %s of a client token', async (field) => {
  const { ability } = createUserAbility();
  const issue = async (request: IssueRequest<'user'>) => ({ ...(await ability.issue(request)), [field]: 'canary' });
  const connection = createConnection({ issue: { ...ability, issue } }, { claim: 'patient' });
  const { result } = await issueClientToken(connection, alice, undefined, createTokenCache());
  expect(result).toMatchObject({ kind: 'client', bound: 'user', vendor: 'acme', vendorUserId: 'p-1' });
});

test('issueClientToken caches account-bound tokens under the key of the ability, and caches none if the key is undefined', async () => {
  const { ability, requests } = createAccountAbility(({ parameters: { room } }) =>
    room === 'private' ? undefined : { vendor: 'acme', scope: String(room) },
  );
  const connection = createConnection({ issue: ability });
  const tokens = createTokenCache();
  const issue = async (principal: Principal, room: string) =>
    tokenOf(await issueClientToken(connection, principal, { room }, tokens));
  expect(await issue(alice, 'a')).toBe('token-1');
  expect(await issue(bob, 'a')).toBe('token-1');
  expect(await issue(alice, 'b')).toBe('token-2');
  expect(await issue(alice, 'private')).toBe('token-3');
  expect(await issue(alice, 'private')).toBe('token-4');
  expect(requests).toHaveLength(4);
});

test('issueClientToken adds the name of the connection to the key under which it caches a token', async () => {
  const { ability } = createAccountAbility(() => ({ vendor: 'acme', scope: 'rooms' }));
  const keys: TokenKey[] = [];
  const tokens = createTokenCache();
  const watched: TokenCache = {
    ...tokens,
    get: (key, ...rest) => {
      keys.push(key);
      return tokens.get(key, ...rest);
    },
  };
  for (const name of ['acme-eu', 'acme-us']) {
    await issueClientToken(createConnection({ issue: ability }, undefined, name), alice, undefined, watched);
  }
  expect(keys).toEqual([
    { vendor: 'acme', scope: 'rooms', connection: 'acme-eu' },
    { vendor: 'acme', scope: 'rooms', connection: 'acme-us' },
  ]);
});

test('issueClientToken never returns the cached token of another connection of the same vendor', async () => {
  const { ability } = createAccountAbility(() => ({ vendor: 'acme' }));
  const tokens = createTokenCache();
  const issueAt = async (name: string) =>
    tokenOf(await issueClientToken(createConnection({ issue: ability }, undefined, name), alice, undefined, tokens));
  expect(await issueAt('acme-eu')).toBe('token-1');
  expect(await issueAt('acme-us')).toBe('token-2');
  expect(await issueAt('acme-eu')).toBe('token-1');
});

test('issueClientToken calls the vendor for each user-bound token, with the vendor user of the principal', async () => {
  const { ability, requested } = createUserAbility();
  const connection = createConnection({ issue: ability }, { claim: 'patient' });
  const tokens = createTokenCache();
  for (const principal of [alice, bob, alice]) {
    const { vendorUserId, result } = await issueClientToken(connection, principal, undefined, tokens);
    expect(vendorUserId).toBe(principal.claims['patient']);
    expect(result).toMatchObject({ bound: 'user', vendorUserId });
  }
  expect(requested).toEqual(['p-1', 'p-2', 'p-1']);
});

test('issueClientToken rejects a principal without a vendor user, without calling the vendor', async () => {
  const { ability, requested } = createUserAbility();
  const connection = createConnection({ issue: ability }, { mapping: true });
  const failure: unknown = await issueClientToken(connection, alice, undefined, createTokenCache()).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ code: 'vendor_user_not_found' });
  expect(failure).not.toBeInstanceOf(OperationFailure);
  expect(requested).toEqual([]);
});

test('issueClientToken rejects with an OperationFailure that holds the error of the vendor and the vendor user', async () => {
  const thrown = new TypeError('foreign');
  const issue: IssueAbility<'user'> = { bound: 'user', parameters, issue: () => Promise.reject(thrown) };
  const failure: unknown = await issueClientToken(
    createConnection({ issue }, { claim: 'patient' }),
    alice,
    undefined,
    createTokenCache(),
  ).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(OperationFailure);
  expect(failure).toMatchObject({ vendorUserId: 'p-1' });
  expect((failure as OperationFailure).thrown).toBe(thrown);
});

/** Creates a vendor that creates another vendor user on each call, also for the same external id. */
function createForgetfulUsers() {
  let created = 0;
  return { ensureUser: async () => ({ vendorUserId: `u-${(created += 1)}`, created: true }) };
}

test('issueClientToken creates a new vendor user if the vendor deleted the old one, and issues a token for the new one', async () => {
  const { ability, requested } = createUserAbility((vendorUserId) => vendorUserId !== 'u-1');
  const connection = createConnection({ issue: ability, users: createForgetfulUsers() });
  const { vendorUserId } = await issueClientToken(connection, alice, undefined, createTokenCache());
  expect(vendorUserId).toBe('u-2');
  expect(requested).toEqual(['u-1', 'u-2']);
  expect(await connection.users.known(alice)).toBe('u-2');
});

test('issueClientToken rejects if the vendor does not know the newly created vendor user either', async () => {
  const { ability, requested } = createUserAbility(() => false);
  const connection = createConnection({ issue: ability, users: createForgetfulUsers() });
  await expect(issueClientToken(connection, alice, undefined, createTokenCache())).rejects.toMatchObject({
    vendorUserId: 'u-2',
    thrown: { code: 'vendor_user_not_found' },
  });
  expect(requested).toEqual(['u-1', 'u-2']);
});

test('issueClientToken does not call the vendor again if a claim names the vendor user that the vendor does not know', async () => {
  const { ability, requested } = createUserAbility(() => false);
  const connection = createConnection({ issue: ability, users: createForgetfulUsers() }, { claim: 'patient' });
  await expect(issueClientToken(connection, alice, undefined, createTokenCache())).rejects.toMatchObject({
    vendorUserId: 'p-1',
    thrown: { code: 'vendor_user_not_found' },
  });
  expect(requested).toEqual(['p-1']);
});

test('issueClientToken keeps the stored vendor user after any other failure of the vendor', async () => {
  const refusal = new ValetKeyError('vendor_rejected', 'Refused.', { vendor: 'acme' });
  const issue: IssueAbility<'user'> = { bound: 'user', parameters, issue: () => Promise.reject(refusal) };
  const connection = createConnection({ issue, users: createForgetfulUsers() });
  await expect(issueClientToken(connection, alice, undefined, createTokenCache())).rejects.toMatchObject({
    thrown: { code: 'vendor_rejected' },
  });
  expect(await connection.users.known(alice)).toBe('u-1');
});

test('issueClientToken requests a token again for a shorter time if the first one outlives the token of the caller because the vendor is slow', async () => {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const requested: number[] = [];
  const ability: IssueAbility<'account', { minutes: number }> = {
    bound: 'account',
    parameters: z.strictObject({ minutes: z.int().default(60) }),
    lifetime: {
      minSeconds: 60,
      shorten: ({ minutes }, seconds) => ({ minutes: Math.min(minutes, Math.floor(seconds / 60)) }),
    },
    issue: async ({ parameters: { minutes } }) => {
      requested.push(minutes);
      nowMs += 1_500;
      const fields = { token: new Secret('t') };
      return { fields, expiresInSeconds: minutes * 60 };
    },
  };
  const connection = {
    ...createConnection({ issue: ability as unknown as IssueAbility<'account'> }),
    appTokenBound: createAppTokenBound('acme-eu', 'acme', clock),
  };
  const issueFor = async (expiresAtSeconds: number) => {
    const { result } = await issueClientToken(
      connection,
      { ...alice, expiresAtSeconds },
      undefined,
      createTokenCache(),
    );
    return result.expiresInSeconds;
  };
  expect(await issueFor(121)).toBe(60);
  expect(requested).toEqual([2, 1]);
  nowMs = 0;
  // One minute is the shortest token, and the caller's token has less left after the first response.
  await expect(issueFor(61)).rejects.toMatchObject({ refusal: { reason: 'app_token_too_short' } });
  expect(requested).toEqual([2, 1, 1]);
});

test.each([
  [300, 300],
  [300.9, 300],
  [2_592_000, 2_592_000],
  [2_592_001, 2_592_000],
  [9e15, 2_592_000],
  [Infinity, 2_592_000],
  [undefined, undefined],
])('boundLifetime returns for a lifetime of %s seconds %s', (expiresInSeconds, seconds) => {
  expect(boundLifetime({ vendor: 'acme', expiresInSeconds }).expiresInSeconds).toBe(seconds);
});

test.each([0, 0.5, -1, -Infinity, NaN])('boundLifetime rejects a lifetime of %s seconds', (expiresInSeconds) => {
  expect(() => boundLifetime({ vendor: 'acme', expiresInSeconds })).toThrow(
    expect.objectContaining({ code: 'vendor_response_invalid', reason: 'lifetime', vendor: 'acme' }),
  );
});

test('issueClientToken asks the function of the policy before it resolves a vendor user or reads the cache', async () => {
  const { ability, requests } = createAccountAbility(() => ({ vendor: 'acme', scope: 'all' }));
  const asked: unknown[] = [];
  const refusal = new ValetKeyError('forbidden', 'No.');
  let isAllowed = true;
  const connection: Connection = {
    ...createConnection({ issue: ability }),
    assertDecided: async (request) => {
      asked.push(request);
      if (!isAllowed) throw refusal;
    },
  };
  const tokens = createTokenCache();
  await issueClientToken(connection, alice, undefined, tokens);
  isAllowed = false;
  // The token of the first call is in the cache.
  await expect(issueClientToken(connection, alice, undefined, tokens)).rejects.toBe(refusal);
  await expect(issueClientToken(connection, alice, ['wrong'], tokens)).rejects.toMatchObject({
    code: 'invalid_request',
  });
  expect(asked).toEqual([
    { principal: alice, operation: 'issue', connection: 'acme-eu' },
    { principal: alice, operation: 'issue', connection: 'acme-eu' },
  ]);
  expect(requests).toHaveLength(1);
});
