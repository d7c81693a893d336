import { expect, test } from 'vitest';
import { alice, valetWithVital } from '../testing/vital.ts';
import { vitalAuthenticate, vitalSignInToken } from './vital.ts';

test('vitalSignInToken and vitalAuthenticate request a new sign-in token for each call', async () => {
  const { valet, issueCount } = await valetWithVital();

  expect(await vitalSignInToken(valet)()).toBe(`token-of-${alice}`);
  expect(await vitalAuthenticate(valet)()).toEqual({ type: 'signInToken', rawToken: `token-of-${alice}` });
  await Promise.all([vitalSignInToken(valet)(), vitalSignInToken(valet)()]);
  expect(issueCount()).toBe(4);
});
