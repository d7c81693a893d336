import { setTimeout as sleep } from 'node:timers/promises';
import { createSandbox, type Fault, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { definitions, operate, simulationOf, startSandboxed } from './testing/sandboxed-vendor.ts';

const timeoutMs = 300;

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

const faults: readonly Fault[] = [
  { type: 'hang' },
  { type: 'hang', when: 'after' },
  { type: 'latency', delayMs: 20_000 },
  { type: 'drip', intervalMs: 50 },
];

const cases = Object.keys(definitions).flatMap((id) => faults.map((fault) => [id, fault] as const));

test.each(cases)('a call to %s with the fault %j ends at its deadline', async (id, fault) => {
  const vendor = startSandboxed(sandbox, id, { timeoutMs });
  sandbox.setFaults([{ vendor: simulationOf(id), fault }]);
  const startedAt = performance.now();
  const elapsedMs = (): number => performance.now() - startedAt;
  // A timer of the same length shows how late this machine runs its timers.
  const neighbor = sleep(timeoutMs).then(elapsedMs);
  await expect(operate(vendor)).rejects.toMatchObject({ code: 'vendor_timeout' });
  const callMs = elapsedMs();
  expect(callMs / (await neighbor)).toBeLessThan(1.3);
  sandbox.setFaults([]);
  await vendor.close();
});
