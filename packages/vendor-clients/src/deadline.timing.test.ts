import { setTimeout } from 'node:timers/promises';
import { createSandbox, type Fault } from '@valetkey/sandbox';
import { test } from 'vitest';
import { definitions, operate, simulationOf, startSandboxed } from './testing/sandboxed-vendor.ts';

const timeoutMs = 300;

const faults: readonly Fault[] = [
  { type: 'hang' },
  { type: 'hang', when: 'after' },
  { type: 'latency', delayMs: 20_000 },
  { type: 'drip', intervalMs: 50 },
];

const cases = Object.keys(definitions).flatMap((id) => faults.map((fault) => [id, fault] as const));

/**
 * Resolves after at least `durationMs`, by many short timers one after the other. If the machine stops this process for a
 * while, only one of these timers passes, so that a busy machine delays this function at least as much as a call.
 */
async function runLateTimer(durationMs: number): Promise<void> {
  const tickMs = 20;
  for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs += tickMs) await setTimeout(tickMs);
}

test.concurrent.for(cases)('a call to %s with the fault %j ends at its deadline', async ([id, fault], { expect }) => {
  await using sandbox = await createSandbox();
  const vendor = startSandboxed(sandbox, id, { timeoutMs });
  sandbox.setFaults([{ vendor: simulationOf(id), fault }]);
  const events: string[] = [];
  // Timers of one event loop fire in the order of their due times, and this timer starts before the deadline does.
  const early = setTimeout(timeoutMs * 0.9).then(() => events.push('early timer'));
  const call = operate(vendor)
    .catch((failure: unknown) => failure)
    .finally(() => events.push('end'));
  const late = runLateTimer(timeoutMs * 1.5).then(() => events.push('late timer'));
  const [, failure] = await Promise.all([early, call, late]);
  expect(failure).toMatchObject({ code: 'vendor_timeout' });
  expect(events).toEqual(['early timer', 'end', 'late timer']);
  await vendor.close();
});
