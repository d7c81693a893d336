import type { Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { unnamedActor } from '../config/admin-fields.ts';
import { createIdentifyOperator } from './operators.ts';

const alice = { issuer: 'https://id.example.com', subject: 'alice', scopes: ['operate'], claims: {} };

function identify(principal: Partial<Principal>, actorClaim = 'sub') {
  const identified = async () => ({ ...alice, ...principal });
  const recordRefusal = async () => undefined;
  return createIdentifyOperator(
    { require: { scope: 'operate' }, actorClaim },
    { identify: identified, recordRefusal, clock: { nowMs: () => 0 } },
  )({ id: 'request', token: 'token' });
}

test('an operator is named by subject and issuer', async () => {
  expect(await identify({})).toBe('alice https://id.example.com');
});

test('an operator is named by actorClaim first, and by subject and issuer after it', async () => {
  const claims = { profile: { email: 'alice@example.com' } };
  expect(await identify({ claims }, 'profile.email')).toBe('alice@example.com alice https://id.example.com');
});

test('two operators who chose the same name are different actors, and none is named like an admin token', async () => {
  const chosen = { claims: { name: unnamedActor } };
  const actors = [await identify(chosen, 'name'), await identify({ ...chosen, subject: 'bob' }, 'name')];
  expect(new Set(actors).size).toBe(2);
  for (const actor of [...actors, await identify({ subject: unnamedActor })]) expect(actor).toContain(' ');
});

test('a name cannot end early, begin a new line or control a terminal', async () => {
  const claims = { name: 'alice bob%20\n\u{1b}[31m\u{202e}é\u{1f600}' };
  expect(await identify({ claims }, 'name')).toBe(
    'alice%20bob%2520%0A%1B[31m%E2%80%AE%C3%A9%F0%9F%98%80 alice https://id.example.com',
  );
  expect(await identify({ subject: 'a b' })).toBe('a%20b https://id.example.com');
});

test.each<[string, unknown]>([
  ['absent', undefined],
  ['empty', ''],
  ['a number', 7],
  ['a list', ['alice']],
  ['too long', 'x'.repeat(129)],
  ['not well formed', '\u{d800}'],
])('a user whose actorClaim is %s is refused', async (_name, value) => {
  const error = { code: 'forbidden', reason: 'admin.operators.actorClaim' };
  await expect(identify({ claims: { name: value } }, 'name')).rejects.toMatchObject(error);
});

test('a user who does not satisfy `require` is refused, and the remediation names what it reads but no value', async () => {
  await expect(identify({ scopes: ['canary'] })).rejects.toMatchObject({
    code: 'forbidden',
    message: 'This user is not an operator.',
    remediation: 'Sign in so that the token satisfies admin.operators.require. It reads: the scope operate.',
  });
});
