import { expect, test } from 'vitest';
import { measureBundle, packageUses } from './bundle-size.ts';

// Lower these bounds when a change makes a bundle smaller.
const maxBrotliBytes: Readonly<Record<string, number>> = {
  '`createValetClient` alone': 6800,
  'client and Nabla': 7250,
  'client and Nudge': 7250,
  'client and Nymbl': 6850,
  'client and Authgear': 6950,
  'client and Vital (`vitalSignInToken`)': 7000,
  'client and Vital (`vitalReconcile`)': 8500,
  'client and Vital session': 12300,
  'client and Nabla session': 11750,
  'client and OpenID sign-in': 18600,
  everything: 26000,
};

test.each(packageUses)('$name has at most the bytes that an app downloads today', ({ name, code }) => {
  expect(measureBundle(code).brotliBytes).toBeLessThanOrEqual(maxBrotliBytes[name] ?? 0);
});
