import { afterAll, describe, expect, test, vi } from 'vitest';
import type { ProcessReport } from '../testing/cache-process.ts';
import { startDeploymentOverRedis } from '../testing/deployment-over-redis.ts';
import { findRedis } from '../testing/redis-server.ts';

const redis = await findRedis();

const lifetimeSeconds = 300;
const refreshMarginSeconds = 60;

/** Returns the tokens that all processes served, and checks that each get returned one. */
function tokensIn(reports: readonly ProcessReport[], gets: number): Set<string> {
  for (const { errors, tokens, minRemainingSeconds } of reports) {
    expect(errors).toEqual([]);
    expect(Object.values(tokens).reduce((sum, count) => sum + count, 0)).toBe(gets);
    expect(minRemainingSeconds).toBeGreaterThanOrEqual(10);
  }
  return new Set(reports.flatMap(({ tokens }) => Object.keys(tokens)));
}

describe.skipIf(redis === undefined)('four processes over one Redis', { timeout: 300_000 }, () => {
  const redisUrl = redis?.url ?? '';

  afterAll(async () => {
    await redis?.stop();
  });

  test('four processes with 10,000 gets at once call the vendor once for each of 30 lives of a token', async () => {
    const gets = 2500;
    await using deployment = await startDeploymentOverRedis(redisUrl, 4, {
      lifetimeSeconds,
      refreshMarginSeconds,
      leaseMs: 60_000,
    });
    const served: string[] = [];
    const unexpected: unknown[] = [];
    for (let life = 1; life <= 30; life += 1) {
      const isRefresh = life % 2 === 0;
      // An odd life begins without a token, or after the old one expired; an even life when the old one is due.
      const advanceSeconds = isRefresh ? lifetimeSeconds - refreshMarginSeconds + 10 : lifetimeSeconds + 1;
      await deployment.follow({ type: 'advance', milliseconds: advanceSeconds * 1000 });
      const old = served.at(-1);
      await vi.waitUntil(
        async () => {
          const tokens = tokensIn(await deployment.follow({ type: 'get', gets }), gets);
          const isConverged = tokens.size === 1 && !tokens.has(old ?? '');
          if (isConverged) served.push(...tokens);
          // While the old token lives, some processes serve it until they adopt the new one.
          else if (!isRefresh || !tokens.has(old ?? '') || tokens.size > 2) unexpected.push([life, ...tokens]);
          return isConverged;
        },
        { timeout: 60_000, interval: 20 },
      );
      expect(deployment.tokenCalls()).toBe(life);
    }
    expect(unexpected).toEqual([]);
    expect(new Set(served).size).toBe(30);
    await deployment.close();
  });

  test('a lease holder that is killed (-9) during its call costs one more call and no error', async () => {
    const gets = 250;
    await using deployment = await startDeploymentOverRedis(redisUrl, 4, {
      lifetimeSeconds,
      refreshMarginSeconds,
      leaseMs: 5000,
    });
    const { processes } = deployment;
    deployment.setTokenFault({ type: 'hang' });
    const holding = Promise.race(processes.map(async (process) => process.nextIssue().then(() => process)));
    const running = processes.map((process) => process.follow({ type: 'get', gets }).catch(() => undefined));
    const holder = await holding;
    await vi.waitUntil(() => deployment.tokenCalls() === 1, { timeout: 60_000, interval: 5 });
    await holder.kill();
    deployment.setTokenFault(undefined);
    const reports = (await Promise.all(running)).filter((report) => report !== undefined);
    await deployment.close();

    expect(reports.length).toBe(3);
    expect(tokensIn(reports, gets).size).toBe(1);
    expect(deployment.tokenCalls()).toBe(2);
  });
});
