import { expect, test } from 'vitest';
import { keepWorking, type RenewalDependencies } from './renewal-run.ts';

test('keepWorking tracks background work until it settles', async () => {
  const backgroundWork = new Set<Promise<unknown>>();
  const { promise, resolve } = Promise.withResolvers<void>();
  keepWorking({ backgroundWork } as unknown as RenewalDependencies, promise);
  expect(backgroundWork.size).toBe(1);
  resolve();
  await Promise.all(backgroundWork);
  expect(backgroundWork.size).toBe(0);
});
