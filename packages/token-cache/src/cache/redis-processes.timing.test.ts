import { afterAll, describe, expect, test, vi } from 'vitest';
import { startDeploymentOverRedis } from '../testing/deployment-over-redis.ts';
import { findRedis } from '../testing/redis-server.ts';

const redis = await findRedis();

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}

/** Waits `everyMs` again and again until `work` has settled, and returns the number of waits. */
async function countWaits(everyMs: number, work: Promise<unknown>): Promise<number> {
  const ended = work.then(() => true);
  let waits = 0;
  while (!(await Promise.race([ended, sleep(everyMs).then(() => false)]))) waits += 1;
  return waits;
}

describe.skipIf(redis === undefined)('four processes over one Redis in real time', { timeout: 120_000 }, () => {
  const redisUrl = redis?.url ?? '';

  afterAll(async () => {
    await redis?.stop();
  });

  test('tokens that live one second cost one call per second and are never returned after they expired', async () => {
    const lifeMs = 1000;
    const marginMs = 250;
    const earliestMs = lifeMs - 1.1 * marginMs;
    await using deployment = await startDeploymentOverRedis(redisUrl, 4, {
      lifetimeSeconds: lifeMs / 1000,
      refreshMarginSeconds: marginMs / 1000,
      leaseMs: 3000,
    });
    const running = deployment.run({ type: 'keep-getting', gets: 2500, everyMs: 250, forMs: 30_000 });
    const [reports, lives] = await Promise.all([running, countWaits(lifeMs, running)]);
    await deployment.close();

    expect(reports.flatMap(({ errors }) => errors)).toEqual([]);
    const returned = reports.flatMap(({ tokens }) => Object.values(tokens));
    expect(returned.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100_000);

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
  });

  test('after a process with the lease was killed, the others wait for the rest of its lease and for one call', async () => {
    const leaseMs = 3000;
    const callMs = 1500;
    await using deployment = await startDeploymentOverRedis(redisUrl, 4, {
      lifetimeSeconds: 60,
      refreshMarginSeconds: 10,
      leaseMs,
    });
    const { processes } = deployment;
    deployment.setTokenFault({ type: 'latency', delayMs: callMs });
    const holding = Promise.race(processes.map(async (process) => process.nextIssue().then(() => process)));
    const running = processes.map((process) => process.run({ type: 'get', gets: 250 }).catch(() => undefined));
    const startMs = performance.now();
    const waiting = sleep(leaseMs + 2 * callMs).then(() => performance.now() - startMs);
    const holder = await holding;
    await vi.waitUntil(() => deployment.tokenCalls() === 1, { timeout: 60_000, interval: 5 });
    await holder.kill();
    const reports = (await Promise.all(running)).filter((report) => report !== undefined);
    const slowestMs = Math.max(...reports.map(({ slowestGetMs }) => slowestGetMs));
    expect(slowestMs / (await waiting)).toBeLessThan(4 / 3);
    await deployment.close();
  });
});
