import { expect } from 'vitest';
import { startDeploymentOverRedis } from './deployment-over-redis.ts';

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}

/** Waits `everyMs` again and again until `work` has settled, and returns the number of waits. */
async function countWaits(everyMs: number, work: Promise<unknown>): Promise<number> {
  const ended = work.then(() => true);
  let waits = 0;
  while (!(await Promise.race([ended, sleep(everyMs).then(() => false)]))) waits += 1;
  return waits;
}

/**
 * Lets four processes get tokens that live one second, for `forMs` milliseconds of real time. Expects about one call for each
 * second, and that no token is returned after it expired.
 */
export async function expectShortLivesAreShared(redisUrl: string, forMs: number): Promise<void> {
  const lifeMs = 1000;
  const marginMs = 250;
  const earliestMs = lifeMs - 1.1 * marginMs;
  await using deployment = await startDeploymentOverRedis(redisUrl, 4, {
    lifetimeSeconds: lifeMs / 1000,
    refreshMarginSeconds: marginMs / 1000,
    leaseMs: 3000,
  });
  const running = deployment.run({ type: 'keep-getting', gets: 2500, everyMs: 250, forMs });
  const [reports, lives] = await Promise.all([running, countWaits(lifeMs, running)]);
  await deployment.close();

  expect(reports.flatMap(({ errors }) => errors)).toEqual([]);
  const returned = reports.flatMap(({ tokens }) => Object.values(tokens));
  expect(returned.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(forMs * (100_000 / 30_000));

  const issues = reports.flatMap((report) => report.issues).toSorted((one, other) => one.startMs - other.startMs);
  expect(deployment.tokenCalls()).toBe(issues.length);
  expect(issues.length / lives).toBeGreaterThan(0.8);

  // For comparison: how late a timer was that did nothing else in each process.
  const delayMs = Math.max(...reports.map(({ eventLoopDelayMs }) => eventLoopDelayMs));
  const gapsMs = issues.slice(1).map(({ startMs }, index) => startMs - (issues[index]?.startMs ?? 0));
  expect((Math.min(...gapsMs) + delayMs) / earliestMs).toBeGreaterThan(0.8);

  const startedMs = new Map(issues.map(({ token, startMs }) => [token, startMs]));
  for (const { lastServedMs, eventLoopDelayMs } of reports) {
    for (const [token, servedMs] of Object.entries(lastServedMs)) {
      const lateMs = servedMs - (startedMs.get(token) ?? 0) - lifeMs;
      expect(lateMs).toBeLessThanOrEqual(5 + eventLoopDelayMs);
    }
  }
}
