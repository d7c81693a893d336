import { expect, test } from 'vitest';
import { measureBundle, packageUses } from './bundle-size.ts';

// Lower these bounds when a change makes a bundle smaller.
const maxBrotliBytes: Readonly<Record<string, number>> = {};

test.each(packageUses)('$name has at most the bytes that an app downloads today', ({ name, code }) => {
  expect(measureBundle(code).brotliBytes).toBeLessThanOrEqual(maxBrotliBytes[name] ?? 0);
});
