import { setImmediate } from 'node:timers/promises';
import { systemClock } from '@valetkey/core-types';
import { describe, expect, test } from 'vitest';
import { createAuditKey } from '../../src/audit/audit-key.ts';
import { createAudit, type DecisionInput } from '../../src/audit/audit.ts';
import { startRetention } from '../../src/audit/retention.ts';
import { verifyAudit } from '../../src/audit/verify-audit.ts';
import type { ChainedRow, Decision } from '../../src/storage/audit-store.ts';
import { createStoreHealth } from '../../src/storage/store-health.ts';
import type { Store } from '../../src/storage/store.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

const key = createAuditKey('the key of the tests, which is in no database');
const formerKey = createAuditKey('the key before it, which is in no database');
const dayMs = 86_400_000;

const input: DecisionInput = {
  requestId: 'r1',
  operation: 'issue',
  connection: 'vital-eu',
  vendor: 'vital',
  issuer: 'https://id.example.com',
  subject: 'alice\0\ud800"',
  vendorUserId: 'u-1',
  outcome: 'allowed',
  clientAddress: '192.0.2.7',
  tokenFingerprint: 'f1',
  durationMs: 0,
};

interface ChainTest {
  /** Opens the database of the running test once more. */
  readonly open: () => Store;
}

/** Defines the tests of the chain of decisions that every store must pass. */
export function testChain({ open }: ChainTest): void {
  /** Creates the audit of one process. */
  const createProcess = (
    store: Store,
    { nowMs = Date.UTC(2026, 5, 1), of = key as typeof key | null, traceId = '' } = {},
  ) => {
    const clock = { ...systemClock, nowMs: () => nowMs };
    const logger = createLogger('silent');
    return createAudit({
      store,
      storeHealth: createStoreHealth(store, clock),
      clock,
      logger,
      key: of ?? undefined,
      ...(traceId !== '' && { traceId: () => traceId }),
    });
  };
  const verify = (store: Store, options: Partial<Parameters<typeof verifyAudit>[0]> = {}) =>
    verifyAudit({ store, keys: [key], nowMs: 0, ...options });
  const readRows = async (store: Store): Promise<ChainedRow[]> => {
    const chains = await Promise.all(
      (await store.listChains()).map((writer) => store.readChain({ writer, limit: 100 })),
    );
    return chains.flat();
  };
  const rewrite = async (store: Store, { columns, link }: ChainedRow, change: Partial<Decision>) => {
    const plain = { at: String(columns['at']), ...input, ...change };
    await store.recordDecisions([{ ...plain, link }]);
  };

  describe('chain of decisions', () => {
    test('verifies the chains of two processes and of a restarted one, with texts that databases refuse', async () => {
      const store = open();
      const [one, two] = [createProcess(store), createProcess(open())];
      await Promise.all(
        Array.from({ length: 20 }, (_, index) => (index % 2 ? one : two).record({ ...input, requestId: `${index}` })),
      );
      await one.close();
      await createProcess(open()).record({ ...input, connection: 'x:y', vendor: undefined, outcome: 'unknown_vendor' });
      expect(await verify(store)).toMatchObject({ problems: [], writers: 3, decisions: 21, erased: 0, unchained: 0 });
    });

    test('finds an inserted decision, one with another place, and one of an unknown writer', async () => {
      const store = open();
      const audit = createProcess(store);
      await audit.record(input);
      await audit.record({ ...input, requestId: 'r2' });
      const [first, second] = await readRows(store);
      if (first === undefined || second === undefined) throw new TypeError('No rows.');
      await rewrite(store, first, { requestId: 'r9' });
      expect((await verify(store)).problems).toEqual([expect.stringContaining('was inserted')]);
      await rewrite(store, { ...second, link: { ...second.link, sequence: 3 } }, { requestId: 'r2' });
      await rewrite(store, { ...second, link: { ...second.link, writer: 'unknown' } }, { requestId: 'r2' });
      expect((await verify(store)).problems).toEqual([
        expect.stringContaining('was inserted'),
        expect.stringMatching(/decision 3 .* was changed/),
        expect.stringContaining('1 chain has no writer'),
      ]);
    });

    test('finds a decision in no chain that was written after the chain began, and accepts older ones', async () => {
      const store = open();
      await createProcess(store, { of: null }).record({ ...input, requestId: 'before' });
      await createProcess(store).record(input);
      const { anchor, ...report } = await verify(store);
      expect(report).toMatchObject({ problems: [], unchained: 1 });
      await createProcess(store, { of: null }).record({ ...input, requestId: 'after' });
      expect((await verify(store)).problems).toEqual([expect.stringContaining('1 decision is in no chain')]);
      expect((await verify(store, { unchainedUntil: '2026-06-02T00:00:00.000Z' })).problems).toEqual([]);
      const anchored = await verify(store, { unchainedUntil: '2026-06-02T00:00:00.000Z', anchor });
      expect(anchored.problems).toEqual([expect.stringContaining('added after the anchor')]);
    });

    test('retention leaves a checkpoint, after which the rest of the chain is still verified', async () => {
      const store = open();
      const old = createProcess(store, { nowMs: Date.UTC(2026, 0, 1) });
      for (const requestId of ['r1', 'r2', 'r3']) await old.record({ ...input, requestId });
      const { anchor } = await verify(store);
      const nowMs = Date.UTC(2026, 5, 1);
      await createProcess(store, { nowMs }).record({ ...input, requestId: 'r4' });
      const logger = createLogger('silent');
      const clock = { ...systemClock, nowMs: () => nowMs };
      const end = startRetention(30, { store, clock, logger, key });
      while ((await readRows(store)).length > 1) await setImmediate();
      end();
      expect(await verify(store, { anchor })).toMatchObject({ problems: [], decisions: 1, writers: 2 });
      const [checkpoint] = await store.listCheckpoints();
      if (checkpoint === undefined) throw new TypeError('No checkpoint.');
      await store.cutChain({ ...checkpoint, sequence: 4 });
      expect((await verify(store)).problems).toEqual([expect.stringContaining('checkpoint of writer 1 was changed')]);
    });

    test('retention without the key deletes no decision of a chain', async () => {
      const store = open();
      const audit = createProcess(store, { nowMs: 0 });
      await audit.record(input);
      expect(await store.deleteDecisions({ beforeMs: dayMs, limit: 10 })).toEqual({ deleted: 0 });
      expect((await verify(store)).decisions).toBe(1);
    });

    test('only an anchor finds a removed tail, and a removed writer', async () => {
      const store = open();
      const audit = createProcess(store);
      for (const requestId of ['r1', 'r2', 'r3']) await audit.record({ ...input, requestId });
      const { anchor } = await verify(store);
      const rows = await readRows(store);
      const other = open();
      const lost: Store = {
        ...other,
        readChain: async (part) => (await other.readChain(part)).filter(({ link }) => link.sequence < rows.length),
      };
      expect((await verify(lost)).problems).toEqual([]);
      expect((await verify(lost, { anchor })).problems).toEqual([expect.stringContaining('decisions 3 to 3')]);
      const withoutWriter: Store = { ...other, listWriters: async () => [], listChains: async () => [] };
      expect((await verify(withoutWriter)).problems).toEqual([]);
      expect((await verify(withoutWriter, { anchor })).problems).toEqual([expect.stringContaining('writers 1 to 1')]);
      expect((await verify(store, { anchor: { ...anchor, writers: 0 } })).problems).toEqual([
        expect.stringContaining('anchor was changed'),
      ]);
    });

    test('verifies decisions of a former key, and names a key that it does not have', async () => {
      const store = open();
      await createProcess(store, { of: formerKey }).record(input);
      await createProcess(store).record(input);
      expect((await verify(store, { keys: [key, formerKey] })).problems).toEqual([]);
      expect((await verify(store)).problems).toEqual([expect.stringContaining(formerKey.id)]);
    });

    test('a decision keeps its trace when its person is forgotten, and the chain stays valid', async () => {
      const store = open();
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
      await createProcess(store).record(input);
      const audit = createProcess(store, { traceId });
      await audit.record(input);
      expect(await audit.forget(input)).toBe(2);
      const { decisions } = await store.listDecisions({ limit: 10 });
      expect(new Set(decisions.map((decision) => decision.traceId))).toEqual(new Set([undefined, traceId]));
      expect(await verify(store)).toMatchObject({ problems: [], decisions: 2, erased: 2 });
    });

    test('a person is forgotten in every decision, and the chain stays valid', async () => {
      const store = open();
      const audit = createProcess(store);
      for (const subject of ['alice', 'bob', 'alice']) await audit.record({ ...input, subject });
      expect(await audit.forget({ issuer: input.issuer, subject: 'alice' })).toBe(2);
      expect(await audit.forget({ issuer: input.issuer, subject: 'alice' })).toBe(0);
      await audit.record(input);
      const { decisions } = await store.listDecisions({ limit: 10, subject: '' });
      expect(decisions).toHaveLength(2);
      for (const { vendorUserId, clientAddress, tokenFingerprint } of decisions) {
        expect([vendorUserId, clientAddress, tokenFingerprint]).toEqual([undefined, undefined, undefined]);
      }
      expect(await verify(store)).toMatchObject({ problems: [], decisions: 4, erased: 2 });
    });

    test('finds personal fields that another program erased', async () => {
      const store = open();
      await createProcess(store).record(input);
      const [row] = await store.listPersonal(input, 1);
      await store.erasePersonal([{ id: row?.id ?? 0, erasure: 'forged' }]);
      expect((await verify(store)).problems).toEqual([expect.stringContaining('personal fields were changed')]);
    });

    test('counts equal refusals in one row, whose count is verified as well', async () => {
      const store = open();
      const audit = createProcess(store);
      for (let count = 0; count < 5; count += 1) await audit.record({ ...input, outcome: 'forbidden' });
      await audit.close();
      expect((await store.listDecisions({ limit: 10 })).decisions).toMatchObject([{ outcome: 'forbidden', times: 5 }]);
      expect((await verify(store)).problems).toEqual([]);
      const [row] = await readRows(store);
      await store.countDecisions([{ id: row?.id ?? 0, times: 4, lastAt: row?.lastAt ?? '', mac: row?.timesMac ?? '' }]);
      expect((await verify(store)).problems).toEqual([expect.stringContaining('the count of its repetitions')]);
    });
  });
}
