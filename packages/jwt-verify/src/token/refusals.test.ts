import { expect, test } from 'vitest';
import { refuse } from './refusals.ts';

test.each(['invalid_dpop_proof', 'use_dpop_nonce'] as const)('the error %s carries a typed DPoP cause', (reason) => {
  expect(refuse(reason, 'No.')).toMatchObject({
    code: 'invalid_token',
    reason,
    cause: { type: 'dpop', error: reason },
  });
});

test('any other refusal carries no cause', () => {
  expect(refuse('expired', 'No.')).not.toHaveProperty('cause');
});
