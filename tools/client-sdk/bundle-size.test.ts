import { expect, test } from 'vitest';
import { measureBundle, packageUses } from './bundle-size.ts';

// Lower these bounds when a change makes a bundle smaller.
const maxBrotliBytes: Readonly<Record<string, number>> = {
  '`createValetClient` alone': 6250,
  'client and Nabla': 6750,
  'client and Nudge': 6700,
  'client and Nymbl': 6350,
  'client and Authgear': 6450,
  'client and Vital (`vitalSignInToken`)': 6450,
  'client and Vital (`vitalReconcile`)': 8000,
  'client and Vital session': 11_850,
  'client and Nabla session': 11_250,
  everything: 15_350,
};

test.each(packageUses)('$name has at most the bytes that an app downloads today', ({ name, code }) => {
  expect(measureBundle(code).brotliBytes).toBeLessThanOrEqual(maxBrotliBytes[name] ?? 0);
});
