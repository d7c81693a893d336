import { expect, test } from 'vitest';
import { excuseKnownOffenders } from './known-offenders.ts';

test('excuses only the offenders that are known, and names those that are mended', () => {
  const known = { place: 'a.ts', problem: 'is long', offender: 'acme long' };
  const fresh = { place: 'b.ts', problem: 'is long', offender: 'acme longer' };
  const other = { place: 'c.ts', problem: 'is not kebab-case' };
  const outcome = excuseKnownOffenders([known, fresh, other], new Set(['acme long', 'acme gone']));
  expect(outcome).toEqual({ problems: [fresh, other], excused: [known], mended: ['acme gone'] });
});
