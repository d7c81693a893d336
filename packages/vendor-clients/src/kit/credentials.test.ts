import { inspect } from 'node:util';
import { Secret, ValetKeyError } from '@valetkey/core-types';
import { expect, test, vi } from 'vitest';
import { createCredential, secretCredential } from './credentials.ts';

const current = new Secret('current-sandbox-only');
const next = new Secret('next-sandbox-only');
const refused = (): never => {
  throw new ValetKeyError('vendor_auth_failed', 'no');
};
const accepting = (accepted: Secret) => async (secret: Secret) => (secret === accepted ? 'accepted' : refused());

function start(slots: { current: Secret; next?: Secret } = { current, next }) {
  const onSwitch = vi.fn<(slot: 'current' | 'next') => void>();
  return { credential: createCredential(slots, 'version', onSwitch), onSwitch };
}

test('a credential uses the next secret when the vendor refuses the current one, and keeps it active', async () => {
  const { credential, onSwitch } = start();
  const call = vi.fn<(secret: Secret) => Promise<string>>(accepting(next));
  expect(await credential.use(call)).toBe('accepted');
  expect(await credential.use(call)).toBe('accepted');
  expect(call.mock.calls.map(([used]) => used)).toEqual([current, next, next]);
  expect(onSwitch.mock.calls).toEqual([['next']]);
});

test('a credential uses the current secret again when the vendor refuses the next one', async () => {
  const { credential, onSwitch } = start();
  await credential.use(accepting(next));
  expect(await credential.use(accepting(current))).toBe('accepted');
  expect(onSwitch.mock.calls).toEqual([['next'], ['current']]);
});

test('concurrent calls report one switch', async () => {
  const { credential, onSwitch } = start();
  await Promise.all(Array.from({ length: 20 }, () => credential.use(accepting(next))));
  expect(onSwitch).toHaveBeenCalledTimes(1);
});

test('the active secret stays the same when the vendor refuses both', async () => {
  const { credential, onSwitch } = start();
  await expect(credential.use(async () => refused())).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  expect(onSwitch).not.toHaveBeenCalled();
});

test('a credential does not use the other secret after a timeout, without a second slot, or for a call that is not repeatable', async () => {
  const fails = vi.fn<() => Promise<never>>(async () => {
    throw new ValetKeyError('vendor_timeout', 'late');
  });
  await expect(start().credential.use(fails)).rejects.toMatchObject({ code: 'vendor_timeout' });
  const refuses = vi.fn<() => Promise<never>>(async () => refused());
  await expect(start({ current }).credential.use(refuses)).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  const { credential } = start();
  await expect(credential.use(refuses, { repeatable: false })).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  expect(fails).toHaveBeenCalledTimes(1);
  expect(refuses).toHaveBeenCalledTimes(2);
});

test('a secret that the vendor accepts stays active although the vendor rejects the call itself', async () => {
  const { credential, onSwitch } = start();
  const call = vi.fn<(secret: Secret) => Promise<never>>(async (used) => {
    if (used === current) refused();
    throw new ValetKeyError('vendor_user_not_found', 'no such user');
  });
  await expect(credential.use(call)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  await expect(credential.use(call)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  expect(call.mock.calls.map(([used]) => used)).toEqual([current, next, next]);
  expect(onSwitch.mock.calls).toEqual([['next']]);
});

test('a mapped credential transforms each slot once and switches between the results', async () => {
  const { credential, onSwitch } = start();
  const transform = vi.fn<(secret: Secret) => string>((secret) => secret.reveal().split('-')[0] ?? '');
  const mapped = credential.map(transform);
  const call = async (name: string) => (name === 'next' ? name : refused());
  expect(await mapped.use(call)).toBe('next');
  expect(await mapped.use(call)).toBe('next');
  expect(transform.mock.calls).toEqual([[current], [next]]);
  expect(onSwitch.mock.calls).toEqual([['next']]);
});

test.each([
  ['one secret', { current }, false],
  ['two secrets', { current, next }, true],
])('hasNext of a credential with %s is, also after map, %j', (_name, slots, hasNext) => {
  expect(start(slots).credential.hasNext).toBe(hasNext);
  expect(start(slots).credential.map(String).hasNext).toBe(hasNext);
});

test('a credential prints none of its secrets', () => {
  expect(inspect(start().credential, { depth: 9, showHidden: true })).not.toMatch(/sandbox-only/);
});

test('a declared secret parses one text or two slots, and has its description', () => {
  const { schema } = secretCredential('The API key.');
  expect(schema.parse('one').current.reveal()).toBe('one');
  expect(schema.parse({ current: 'one', next: 'two' }).next?.reveal()).toBe('two');
  expect(schema.description).toBe('The API key.');
});
