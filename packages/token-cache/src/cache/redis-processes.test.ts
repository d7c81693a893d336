import { afterAll, describe, expect, test, vi } from 'vitest';
import type { ProcessReport } from '../testing/cache-process.ts';
import { startDeploymentOverRedis } from '../testing/deployment-over-redis.ts';
import { findRedis } from '../testing/redis-server.ts';

const redis = await findRedis();

const lifetimeSeconds = 300;
const refreshMarginSeconds = 60;

/** Returns the tokens that the processes received, and checks that every get returned a token. */
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

  test('four processes with 10,000 concurrent gets call the vendor once per token, for 30 tokens in a row', async () => {
    const gets = 2500;
    await using deployment = await startDeploymentOverRedis(redisUrl, 4, {
      lifetimeSeconds,
      refreshMarginSeconds,
      leaseMs: 60_000,
    });
    const served: string[] = [];
    const unexpected: unknown[] = [];
    for (let life = 1; life <= 30; life += 1) {
      const oldTokenLives = life % 2 === 0;
      // Before each odd life the old token expires. Before each even life it is only due for a renewal.
      const advanceSeconds = oldTokenLives ? lifetimeSeconds - refreshMarginSeconds + 10 : lifetimeSeconds + 1;
      await deployment.run({ type: 'advance', milliseconds: advanceSeconds * 1000 });
      const old = served.at(-1);
      await vi.waitUntil(
        async () => {
          const tokens = tokensIn(await deployment.run({ type: 'get', gets }), gets);
          const isConverged = tokens.size === 1 && !tokens.has(old ?? '');
          if (isConverged) served.push(...tokens);
          // While the old token lives, some processes may return it until they adopt the new one.
          else if (!oldTokenLives || !tokens.has(old ?? '') || tokens.size > 2) unexpected.push([life, ...tokens]);
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

  test('if the process that has the lease is killed during its call, another calls the vendor, and no get fails', async () => {
    const gets = 250;
    await using deployment = await startDeploymentOverRedis(redisUrl, 4, {
      lifetimeSeconds,
      refreshMarginSeconds,
      leaseMs: 5000,
    });
    const { processes } = deployment;
    deployment.setTokenFault({ type: 'hang' });
    const holding = Promise.race(processes.map(async (process) => process.nextIssue().then(() => process)));
    const running = processes.map((process) => process.run({ type: 'get', gets }).catch(() => undefined));
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
