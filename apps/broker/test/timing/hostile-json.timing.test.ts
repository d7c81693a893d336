import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { generateHostileJson } from '../support/hostile-json.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

const rounds = 3;
/** A parser with quadratic run time exceeds this ratio by far for a body of 16 kB; a busy machine does not. */
const maxRatio = 50;

const median = (values: readonly number[]) =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;

async function measure(call: () => Promise<Response>): Promise<number> {
  const startedAtMs = performance.now();
  await (await call()).text();
  return performance.now() - startedAtMs;
}

test(
  'the broker needs at most 50 times as long for a hostile JSON body as for an empty body',
  { timeout: 120_000 },
  async () => {
    await using sandbox = await createSandbox();
    await using broker = await startRecordingBroker(createConfigFor(sandbox));
    const alice = await sandbox.mintUserToken({ sub: 'alice' });
    const headers = { 'content-type': 'application/json' };
    const issue = (body: string | Buffer) => measure(() => broker.issue('nudge', alice, { headers, body }));
    const checkHealth = () => measure(() => broker.call('/healthz'));
    const texts = [...generateHostileJson(1)];
    const healthBefore: number[] = [];
    for (let count = 0; count < texts.length; count += 1) healthBefore.push(await checkHealth());
    await issue('');

    const emptyBodies: number[] = [];
    const hostileBodies: number[] = [];
    const healthBetween: number[] = [];
    for (const text of texts) {
      const durations: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        durations.push(await issue(text));
        healthBetween.push(await checkHealth());
        emptyBodies.push(await issue(''));
      }
      hostileBodies.push(median(durations));
    }
    expect(Math.max(...hostileBodies) / median(emptyBodies)).toBeLessThan(maxRatio);
    expect(median(healthBetween) / median(healthBefore)).toBeLessThan(maxRatio);
  },
);
