import { setImmediate } from 'node:timers/promises';
import { systemClock, ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { createStoreHealth } from '../storage/store-health.ts';
import type { Decision } from '../storage/audit-store.ts';
import type { Store } from '../storage/store.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createAudit, type DecisionInput } from './audit.ts';

const input: DecisionInput = {
  requestId: 'request-1',
  operation: 'issue',
  connection: 'acme-eu',
  vendor: 'acme',
  issuer: 'https://id.example.com',
  subject: 'alice',
  vendorUserId: 'u-1',
  outcome: 'allowed',
};
const recorded: Decision = { ...input, at: '2026-06-01T12:00:00.000Z' };
const fullDisk = () => Promise.reject(new ValetKeyError('overloaded', 'Full.', { reason: 'sqlite_13' }));

/** Creates an audit over a store in memory. `overrides` replaces some functions of that store. */
function createHarness(overrides: Partial<Store> = {}, listener?: (decision: Decision) => unknown) {
  const memory = createSqliteStore(':memory:');
  const store: Store = { ...memory, ...overrides };
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger('trace', {
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const heard: Decision[] = [];
  const audit = createAudit({
    store,
    storeHealth: createStoreHealth(store, systemClock),
    clock: { ...systemClock, nowMs: () => Date.UTC(2026, 5, 1, 12) },
    logger,
    listeners: [...(listener === undefined ? [] : [listener]), (decision) => heard.push(decision)],
  });
  return { audit, heard, lines, decisions: async () => (await memory.listDecisions({ limit: 10 })).decisions };
}

test('the audit stores a decision with the time of the clock, logs it, and passes it to the listeners', async () => {
  const { audit, heard, lines, decisions } = createHarness();
  await audit.record(input);
  expect(await decisions()).toEqual([recorded]);
  expect(heard).toEqual([recorded]);
  const { requestId, ...decision } = recorded;
  expect(lines).toMatchObject([{ requestId, decision, msg: 'decision' }]);
});

test.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw new Error('canary');
    },
  ],
  ['rejects', () => Promise.reject(new Error('canary'))],
])(
  'the audit records a decision and calls the other listeners if a listener %s, and logs that failure',
  async (_, fail) => {
    const { audit, heard, lines, decisions } = createHarness({}, fail);
    await audit.record(input);
    await setImmediate();
    expect(await decisions()).toEqual([recorded]);
    expect(heard).toEqual([recorded]);
    expect(lines.map(({ msg }) => msg)).toContain('decision listener failed');
    expect(JSON.stringify(lines)).not.toContain('canary');
  },
);

test('the audit writes the reason of a refusal to the store and to the log, and passes it to the listeners', async () => {
  const { audit, heard, lines, decisions } = createHarness();
  await audit.record({ ...input, outcome: 'vendor_unavailable', reason: 'status_503' });
  expect(lines).toMatchObject([{ reason: 'status_503' }]);
  expect([heard, await decisions()]).toMatchObject([[{ reason: 'status_503' }], [{ reason: 'status_503' }]]);
});

test('the audit neither logs a decision nor passes it to the listeners before the store has committed it', async () => {
  const { promise: written, resolve: commit } = Promise.withResolvers<number[]>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const recordDecisions = () => {
    begin();
    return written;
  };
  const { audit, heard, lines } = createHarness({ recordDecisions });
  const recording = audit.record(input);
  await begun;
  await setImmediate();
  expect([heard, lines]).toEqual([[], []]);
  commit([1]);
  await recording;
  expect([heard.length, lines.length]).toEqual([1, 1]);
});

test('the audit rejects with `overloaded` and logs the reason if a decision cannot be stored', async () => {
  const { audit, heard, lines } = createHarness({ recordDecisions: fullDisk });
  await expect(audit.record(input)).rejects.toMatchObject({
    code: 'overloaded',
    retryAfterSeconds: 5,
    reason: 'sqlite_13',
    message: 'The broker cannot write its audit, so it issues no credential.',
  });
  expect(heard).toEqual([]);
  expect(lines).toMatchObject([
    { level: 20, requestId: 'request-1', reason: 'sqlite_13', msg: 'audit cannot be written' },
  ]);
});

test('the audit hides the text of a foreign error that its store throws', async () => {
  const { audit, lines } = createHarness({
    recordDecisions: () => Promise.reject(new Error('canary-of-the-database')),
  });
  const failure: unknown = await audit.record(input).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'overloaded', reason: undefined });
  expect(`${String(failure)} ${JSON.stringify(failure)} ${JSON.stringify(lines)}`).not.toContain('canary');
});

test('`assertWritable` resolves until a write fails, then rejects until the store passes a check', async () => {
  let isFull = false;
  let checks = 0;
  const { audit } = createHarness({
    recordDecisions: () => (isFull ? fullDisk() : Promise.resolve([1])),
    check: () => {
      checks += 1;
      return isFull ? fullDisk() : Promise.resolve();
    },
  });
  await audit.assertWritable('request-1');
  expect(checks, 'a healthy store is not checked').toBe(0);
  isFull = true;
  await expect(audit.record(input)).rejects.toMatchObject({ code: 'overloaded' });
  await expect(audit.assertWritable('request-2')).rejects.toMatchObject({ code: 'overloaded', reason: 'sqlite_13' });
  isFull = false;
  await audit.assertWritable('request-3');
  await audit.record(input);
});
