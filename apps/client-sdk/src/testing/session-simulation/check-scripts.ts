import * as fc from 'fast-check';
import { calmScripts, wildScripts } from './script.ts';
import { simulate } from './simulate.ts';

const kinds = { calm: calmScripts, wild: wildScripts };

/** Runs generated scripts, and rejects with the shortest script that violates an invariant. */
export function checkScripts(
  kind: keyof typeof kinds,
  { numRuns, seed }: { readonly numRuns: number; readonly seed: number },
): Promise<void> {
  const property = fc.asyncProperty(kinds[kind], async (script) => {
    const { violations } = await simulate(script);
    if (violations.length > 0) throw new Error(violations.join('; '));
  });
  return fc.assert(property, { numRuns, seed });
}
