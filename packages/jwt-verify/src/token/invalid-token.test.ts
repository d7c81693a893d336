import { expect, test } from 'vitest';
import { invalidToken } from './invalid-token.ts';

test.each(['invalid_dpop_proof', 'use_dpop_nonce'] as const)(
  'invalidToken returns an error with a DPoP cause for the reason %s',
  (reason) => {
    expect(invalidToken(reason, 'No.')).toMatchObject({
      code: 'invalid_token',
      reason,
      cause: { type: 'dpop', error: reason },
    });
  },
);

test('invalidToken returns an error with the DPoP cause that it receives', () => {
  const cause = { type: 'dpop', error: 'invalid_token' };
  expect(invalidToken('bound_token', 'No.', undefined, 'invalid_token')).toMatchObject({
    reason: 'bound_token',
    cause,
  });
});

test('invalidToken returns an error without a cause for any other reason', () => {
  expect(invalidToken('expired', 'No.')).not.toHaveProperty('cause');
});
