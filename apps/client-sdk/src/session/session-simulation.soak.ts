import { expect, test } from 'vitest';
import { checkScripts } from '../testing/session-simulation/check-scripts.ts';

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'ten thousand scripts of seed %i violate no invariant of a session',
  async (seed) => {
    await expect(checkScripts('calm', { numRuns: 4000, seed })).resolves.toBeUndefined();
    await expect(checkScripts('wild', { numRuns: 6000, seed })).resolves.toBeUndefined();
  },
);
