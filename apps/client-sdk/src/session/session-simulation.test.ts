import { expect, test } from 'vitest';
import { checkScripts } from '../testing/session-simulation/check-scripts.ts';
import { simulate } from '../testing/session-simulation/simulate.ts';
import type { Script, Step } from '../testing/session-simulation/script.ts';

test('without a lost response, no session of one to three tabs is lost and no refresh token is sent twice', async () => {
  await expect(checkScripts('calm', { numRuns: 400, seed: 1 })).resolves.toBeUndefined();
});

test('whatever fails, a sign-out wins, every call settles, all tabs agree in the end, and only the vendor or a sign-out ends a session', async () => {
  await expect(checkScripts('wild', { numRuns: 700, seed: 1 })).resolves.toBeUndefined();
});

const calm: Omit<Script, 'steps'> = {
  seed: 1,
  tabs: 2,
  rotation: 'strict',
  expiresInSeconds: 100,
  honoursAbort: false,
  monotonicStandsStill: false,
  offset: 'unknown',
};
const signIn: Step = { afterMs: 0, tab: 0, action: { do: 'sign in', user: 'alice' } };

test('two runs of one script are the same', async () => {
  const steps: readonly Step[] = [signIn, { afterMs: 95_000, tab: 1, action: { do: 'use token' } }];
  const run = async () => {
    const lines: string[] = [];
    await simulate({ ...calm, steps }, (line) => lines.push(line.replace(/\d+ of/, 'of')));
    return lines;
  };
  const lines = await run();
  expect(lines.length).toBeGreaterThan(10);
  expect(await run()).toEqual(lines);
});

test('a storage that responds slowly never makes two tabs send the same refresh token', async () => {
  const slow: Step = { afterMs: 0, tab: 0, action: { do: 'storage', trouble: 'slow', accesses: 2 } };
  const steps: readonly Step[] = [
    signIn,
    { afterMs: 1000, tab: 1, action: { do: 'token' } },
    { ...slow, afterMs: 95_000 },
    { afterMs: 0, tab: 0, action: { do: 'vendor', trouble: 'slow' } },
    { afterMs: 0, tab: 0, action: { do: 'token' } },
    { afterMs: 2500, tab: 1, action: { do: 'token' } },
  ];
  expect((await simulate({ ...calm, seed: 342_145, steps })).violations).toEqual([]);
});

test('a server time that is NaN never makes a stored session unreadable for another tab', async () => {
  const steps: readonly Step[] = [signIn, { afterMs: 0, tab: 0, action: { do: 'lose notices', areLost: false } }];
  expect((await simulate({ ...calm, offset: 'changing', steps })).violations).toEqual([]);
});
