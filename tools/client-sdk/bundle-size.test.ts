import { expect, test } from 'vitest';
import { measureBundle, packageUses } from './bundle-size.ts';

// Lower these bounds when a change makes a bundle smaller.
const maxBrotliBytes: Readonly<Record<string, number>> = {
  '`createValetClient` alone': 7100,
  'client and Nabla': 7600,
  'client and Nudge': 7550,
  'client and Nymbl': 7200,
  'client and Authgear': 7250,
  'client and Vital (`vitalSignInToken`)': 7350,
  'client and Vital (`vitalReconcile`)': 8850,
  'client and Vital session': 13100,
  'client and Nabla session': 12550,
  'client and OpenID sign-in': 19350,
  everything: 28750,
};

test.each(packageUses)('$name has at most the bytes that an app downloads today', ({ name, code }) => {
  expect(measureBundle(code).brotliBytes).toBeLessThanOrEqual(maxBrotliBytes[name] ?? 0);
});
