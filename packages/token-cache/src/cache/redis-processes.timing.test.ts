import { afterAll, describe, expect, test, vi } from 'vitest';
import { startDeploymentOverRedis } from '../testing/deployment-over-redis.ts';
import { findRedis } from '../testing/redis-server.ts';
import { expectShortLivesAreShared, sleep } from '../testing/short-lives.ts';

const redis = await findRedis();

describe.skipIf(redis === undefined)('four processes over one Redis in real time', { timeout: 120_000 }, () => {
  const redisUrl = redis?.url ?? '';

  afterAll(async () => {
    await redis?.stop();
  });

  test('tokens that live one second cost one call per second and are never returned after they expired', async () => {
    // The soak test does the same for longer.
    await expect(expectShortLivesAreShared(redisUrl, 10_000)).resolves.toBeUndefined();
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
