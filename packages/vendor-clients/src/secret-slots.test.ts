import { inspect } from 'node:util';
import { Secret, ValetKeyError } from '@valetkey/core-types';
import { expect, test, vi } from 'vitest';
import { useSecretSlots } from './secret-slots.ts';

const current = new Secret('current-sandbox-only');
const next = new Secret('next-sandbox-only');
const refused = (): never => {
  throw new ValetKeyError('vendor_auth_failed', 'no');
};
const takes = (accepted: Secret) => async (secret: Secret) => (secret === accepted ? 'taken' : refused());

test('the next secret is tried when the vendor refuses the current one, and stays', async () => {
  const onSwitch = vi.fn<(slot: string) => void>();
  const secret = useSecretSlots({ current, next }, onSwitch);
  const call = vi.fn<(secret: Secret) => Promise<string>>(takes(next));
  expect(await secret.use(call)).toBe('taken');
  expect(await secret.use(call)).toBe('taken');
  expect(call.mock.calls.map(([used]) => used)).toEqual([current, next, next]);
  expect(onSwitch.mock.calls).toEqual([['next']]);
});

test('a secret rotated back is found again', async () => {
  const onSwitch = vi.fn<(slot: string) => void>();
  const secret = useSecretSlots({ current, next }, onSwitch);
  await secret.use(takes(next));
  expect(await secret.use(takes(current))).toBe('taken');
  expect(onSwitch.mock.calls).toEqual([['next'], ['current']]);
});

test('of many calls at once, one reports the switch', async () => {
  const onSwitch = vi.fn<(slot: string) => void>();
  const secret = useSecretSlots({ current, next }, onSwitch);
  await Promise.all(Array.from({ length: 20 }, () => secret.use(takes(next))));
  expect(onSwitch).toHaveBeenCalledTimes(1);
});

test('where both are refused nothing is switched', async () => {
  const onSwitch = vi.fn<(slot: string) => void>();
  const secret = useSecretSlots({ current, next }, onSwitch);
  await expect(secret.use(async () => refused())).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  expect(onSwitch).not.toHaveBeenCalled();
});

test('other failures, single slots and calls that cannot be repeated are not tried again', async () => {
  const fails = vi.fn<() => Promise<never>>(async () => {
    throw new ValetKeyError('vendor_timeout', 'late');
  });
  await expect(useSecretSlots({ current, next }, vi.fn()).use(fails)).rejects.toMatchObject({ code: 'vendor_timeout' });
  const refuses = vi.fn<() => Promise<never>>(async () => refused());
  await expect(useSecretSlots({ current }, vi.fn()).use(refuses)).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  const secret = useSecretSlots({ current, next }, vi.fn());
  await expect(secret.use(refuses, { repeatable: false })).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  expect(fails).toHaveBeenCalledTimes(1);
  expect(refuses).toHaveBeenCalledTimes(2);
});

test('a secret that is taken stays, though the call itself is refused', async () => {
  const onSwitch = vi.fn<(slot: string) => void>();
  const secret = useSecretSlots({ current, next }, onSwitch);
  const call = vi.fn<(secret: Secret) => Promise<never>>(async (used) => {
    if (used === current) refused();
    throw new ValetKeyError('vendor_user_not_found', 'nobody');
  });
  await expect(secret.use(call)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  await expect(secret.use(call)).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  expect(call.mock.calls.map(([used]) => used)).toEqual([current, next, next]);
  expect(onSwitch.mock.calls).toEqual([['next']]);
});

test('what holds the secrets prints none of them', () => {
  expect(inspect(useSecretSlots({ current, next }, vi.fn()), { depth: 9, showHidden: true })).not.toMatch(
    /sandbox-only/,
  );
});
