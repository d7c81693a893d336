import { expect, test } from 'vitest';
import { keepWorking, type RenewalDependencies } from './renewal-run.ts';

test('work that goes on after a renewal is kept until it settles', async () => {
  const afterwards = new Set<Promise<unknown>>();
  const { promise, resolve } = Promise.withResolvers<void>();
  keepWorking({ afterwards } as unknown as RenewalDependencies, promise);
  expect(afterwards.size).toBe(1);
  resolve();
  await Promise.all(afterwards);
  expect(afterwards.size).toBe(0);
});
