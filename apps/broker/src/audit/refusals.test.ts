import { systemClock, ValetKeyError } from '@valetkey/core-types';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Decision, DecisionCount } from '../storage/audit-store.ts';
import { createRefusals, otherRefusals } from './refusals.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const refusal: Decision = {
  at: '2026-06-01T12:00:00.000Z',
  requestId: 'r1',
  operation: 'issue',
  connection: 'vital',
  issuer: 'https://id.example.com',
  subject: 'alice',
  outcome: 'forbidden',
  reason: 'requiredScopes: rooms',
};
const fullDisk = () => Promise.reject(new ValetKeyError('overloaded', 'Full.', { reason: 'sqlite_13' }));

function createHarness() {
  const rows: Decision[] = [];
  const counts: DecisionCount[] = [];
  const state = { isFull: false, nowMs: 0 };
  const refusals = createRefusals({
    write: async (decision) => {
      if (state.isFull) return fullDisk();
      rows.push(decision);
      return { id: rows.length, mac: undefined };
    },
    store: { countDecisions: async (added) => (state.isFull ? fullDisk() : void counts.push(...added)) },
    clock: { ...systemClock, monotonicMs: () => state.nowMs },
  });
  return { refusals, rows, counts, state };
}

test('equal refusals of a principal have one row for a minute, whose count is stored a second later', async () => {
  const { refusals, rows, counts, state } = createHarness();
  expect(await refusals.write(refusal)).toBe('written');
  for (const requestId of ['r2', 'r3']) {
    expect(await refusals.write({ ...refusal, requestId, at: '2026-06-01T12:00:05.000Z' })).toBe('counted');
  }
  expect(counts).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(counts).toEqual([{ id: 1, times: 3, lastAt: '2026-06-01T12:00:05.000Z', mac: null }]);
  state.nowMs = 59_999;
  expect(await refusals.write(refusal)).toBe('counted');
  state.nowMs = 60_000;
  expect(await refusals.write(refusal)).toBe('written');
  expect(rows).toHaveLength(2);
  await refusals.close();
  expect(counts.at(-1)).toMatchObject({ id: 1, times: 4 });
});

test.each<[string, Partial<Decision>]>([
  ['issuer', { issuer: 'https://other.example.com' }],
  ['subject', { subject: 'bob' }],
  ['connection', { connection: 'nudge' }],
  ['operation', { operation: 'proxy' }],
  ['outcome', { outcome: 'vendor_unavailable' }],
  ['reason', { reason: 'issuers' }],
])('a refusal with another %s has a row of its own', async (_, difference) => {
  const { refusals, rows } = createHarness();
  await refusals.write(refusal);
  expect(await refusals.write({ ...refusal, ...difference })).toBe('written');
  expect(rows).toEqual([refusal, { ...refusal, ...difference }]);
});

test('a principal has at most 60 rows in any minute, and the last one counts every further refusal', async () => {
  const { refusals, rows, counts, state } = createHarness();
  for (let index = 0; index < 1_000; index += 1) await refusals.write({ ...refusal, connection: `c-${index}` });
  expect(rows).toHaveLength(60);
  expect(rows.at(-1)).toMatchObject({ reason: otherRefusals });
  await refusals.close();
  expect(counts).toMatchObject([{ id: 60, times: 941 }]);
  expect(await refusals.write({ ...refusal, subject: 'bob' })).toBe('written');
  state.nowMs = 60_000;
  expect(await refusals.write({ ...refusal, connection: 'c-999' })).toBe('written');
  expect(rows).toHaveLength(62);
});

test('a refusal is rejected while no row can be written, and the next one tries again', async () => {
  const { refusals, rows, state } = createHarness();
  state.isFull = true;
  const attempts = await Promise.allSettled([refusals.write(refusal), refusals.write(refusal)]);
  expect(attempts.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  state.isFull = false;
  expect(await refusals.write(refusal)).toBe('written');
  expect(rows).toHaveLength(1);
});

test('counts that cannot be stored are stored later, and repeated refusals are not rejected', async () => {
  const { refusals, counts, state } = createHarness();
  await refusals.write(refusal);
  state.isFull = true;
  expect(await refusals.write(refusal)).toBe('counted');
  await vi.advanceTimersByTimeAsync(5_000);
  state.isFull = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(counts).toMatchObject([{ times: 2 }]);
  expect(vi.getTimerCount()).toBe(0);
});

test('the memory of refusals has a bound, and forgets the principals whose refusals are the longest ago', async () => {
  const { refusals, rows } = createHarness();
  for (let index = 0; index <= 2_000; index += 1) await refusals.write({ ...refusal, subject: `s-${index}` });
  rows.length = 0;
  expect(await refusals.write({ ...refusal, subject: 's-2000' })).toBe('counted');
  expect(await refusals.write({ ...refusal, subject: 's-0' })).toBe('written');
  await refusals.close();
});
