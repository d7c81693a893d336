import { setImmediate } from 'node:timers/promises';
import { describeForeignError, ValetKeyError, type Clock, type ErrorCode } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { StoreHealth } from '../storage/store-health.ts';
import type { AuditStore, Decision, LinkedDecision } from '../storage/audit-store.ts';
import type { PrincipalId } from '../storage/store.ts';
import type { AuditKey } from './audit-key.ts';
import { createChain, type Chain } from './chain.ts';
import { forgetDecisions } from './forget.ts';
import { createRefusals, type WriteDecision, type WrittenDecision } from './refusals.ts';

/** A decision to be recorded. The audit adds the time and the trace. */
export interface DecisionInput extends Omit<Decision, 'at' | 'traceId'> {
  readonly outcome: 'allowed' | ErrorCode;
}

/** Records the decisions of the broker. */
export interface Audit {
  /**
   * Resolves if decisions can be recorded; rejects with `overloaded` otherwise. It is called before an operation, because
   * the work of a vendor cannot be undone if its decision then cannot be recorded.
   */
  readonly assertWritable: (requestId: string) => Promise<void>;
  /** Resolves after the decision is committed. Rejects with `overloaded` if it cannot be committed. */
  readonly record: (decision: DecisionInput) => Promise<void>;
  /** Returns the keyed hash of the token of a principal. Undefined if the audit has no key. */
  readonly fingerprint: (token: string, principal: PrincipalId) => string | undefined;
  /** Erases the personal fields of all decisions about a principal. Returns the number of decisions. */
  readonly forget: (principal: PrincipalId) => Promise<number>;
  /** Returns the number of decisions that are not committed yet. */
  readonly countWaiting: () => number;
  /** Stores the counts of repeated refusals. */
  readonly close: () => Promise<void>;
}

/** What the audit uses. */
export interface AuditDependencies {
  readonly store: AuditStore;
  readonly storeHealth: StoreHealth;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The key of the chain. Absent: decisions are in no chain, and have no fingerprints of tokens. */
  readonly key?: AuditKey | undefined;
  /** Called with each decision after it is recorded. */
  readonly listeners?: readonly DecisionListener[] | undefined;
  /** Returns the id of the trace of the current request. Absent if the broker sends no traces. */
  readonly traceId?: (() => string | undefined) | undefined;
  /** Called with the time of each transaction. */
  readonly onCommit?: OnCommit | undefined;
}

type OnCommit = (outcome: 'succeeded' | 'failed', seconds: number) => void;

type DecisionListener = (decision: Decision) => unknown;

/** Creates the audit. It writes each decision to the store, then to the log, then passes it to the listeners. */
export function createAudit(dependencies: AuditDependencies): Audit {
  const { store, storeHealth, clock, logger, key, listeners = [], traceId, onCommit } = dependencies;
  const chain = key && createChain({ key, store, clock });
  const { write, countWaiting } = createDecisionWriter({ store, chain, clock, onCommit });
  const refusals = createRefusals({
    write,
    store,
    clock,
    key,
    onFailure: (error) => logger.debug({ reason: reasonOf(error) }, 'refusals cannot be counted'),
  });
  /** Whether the last write failed and the store has not passed a check since then. */
  let hasFailed = false;

  const unwritableError = (requestId: string, error: unknown): ValetKeyError => {
    const reason = reasonOf(error);
    // The outage of the store is logged once, and not by each request.
    logger.debug({ requestId, reason }, 'audit cannot be written');
    return new ValetKeyError('overloaded', 'The broker cannot write its audit, so it issues no credential.', {
      retryAfterSeconds: 5,
      reason,
      remediation: 'Call again later; the operator must give the store space or permission to write.',
    });
  };

  return {
    assertWritable: async (requestId) => {
      if (!hasFailed) return;
      try {
        await storeHealth.assertWritable();
        hasFailed = false;
      } catch (error) {
        throw unwritableError(requestId, error);
      }
    },
    record: async (input) => {
      const decision: Decision = { at: new Date(clock.nowMs()).toISOString(), ...input, traceId: traceId?.() };
      let isCounted = false;
      try {
        // What an operator or the broker itself changed always has a row of its own.
        if (input.outcome === 'allowed') await write(decision);
        else isCounted = (await refusals.write(decision)) === 'counted';
      } catch (error) {
        hasFailed = true;
        storeHealth.reportFailure();
        throw unwritableError(decision.requestId, error);
      }
      const { requestId, reason, ...logged } = decision;
      const line = { requestId, decision: logged, ...(reason !== undefined && { reason }) };
      // A refusal that is repeated has one line, as it has one row.
      logger[isCounted ? 'debug' : 'info'](line, 'decision');
      for (const listen of listeners) tell(listen, decision, logger);
    },
    fingerprint: createFingerprint(key),
    forget: (principal) => forgetDecisions(principal, { store, clock, key }),
    countWaiting,
    close: refusals.close,
  };
}

/** Creates the function that returns the keyed hash of a token. The verifier returns one principal for each request with the same token. */
function createFingerprint(key: AuditKey | undefined): Audit['fingerprint'] {
  if (key === undefined) return () => undefined;
  const known = new WeakMap<PrincipalId, { readonly token: string; readonly fingerprint: string }>();
  return (token, principal) => {
    const remembered = known.get(principal);
    if (remembered?.token === token) return remembered.fingerprint;
    const fingerprint = key.mac('token', token).slice(0, 22);
    known.set(principal, { token, fingerprint });
    return fingerprint;
  };
}

/** Calls a listener. One that fails must not change the response to a request that was decided and recorded. */
function tell(listen: DecisionListener, decision: Decision, logger: Logger): void {
  const fail = (error: unknown) =>
    logger.error({ requestId: decision.requestId, error: describeForeignError(error) }, 'decision listener failed');
  try {
    Promise.resolve(listen(decision)).catch(fail);
  } catch (error) {
    fail(error);
  }
}

const reasonOf = (error: unknown) => (ValetKeyError.isInstance(error) ? error.reason : undefined);

interface DecisionWriterDependencies {
  readonly store: Pick<AuditStore, 'recordDecisions'>;
  /** Absent if the audit has no key. */
  readonly chain?: Chain | undefined;
  readonly clock: Clock;
  readonly onCommit?: OnCommit | undefined;
}

interface DecisionWriter {
  readonly write: WriteDecision;
  /** Returns the number of decisions that are not committed yet. */
  readonly countWaiting: () => number;
}

interface Pending {
  readonly decision: Decision;
  readonly resolve: (written: WrittenDecision) => void;
  readonly reject: (error: unknown) => void;
}

/** The most decisions of one transaction. */
const maxBatch = 500;

/**
 * Creates the writer of decisions. The decisions of one moment are committed by one transaction, and at most one transaction
 * runs at a time: a decision waits for its own transaction, and for no more than the one before.
 */
export function createDecisionWriter({ store, chain, clock, onCommit }: DecisionWriterDependencies): DecisionWriter {
  const queue: Pending[] = [];
  let isWriting = false;
  let waiting = 0;

  const writeBatch = async (batch: readonly Pending[]): Promise<void> => {
    const decisions = batch.map(({ decision }) => decision);
    const startedAtMs = clock.monotonicMs();
    const report = (outcome: 'succeeded' | 'failed') =>
      onCommit?.(outcome, (clock.monotonicMs() - startedAtMs) / 1_000);
    try {
      const linked: readonly LinkedDecision[] = chain === undefined ? decisions : await chain.link(decisions);
      const ids = await store.recordDecisions(linked);
      report('succeeded');
      for (const [index, { resolve }] of batch.entries()) {
        resolve({ id: ids[index] ?? 0, mac: linked[index]?.link?.mac });
      }
    } catch (error) {
      chain?.restart();
      report('failed');
      for (const { reject } of batch) reject(error);
    } finally {
      waiting -= batch.length;
    }
  };
  const writeAll = async (): Promise<void> => {
    isWriting = true;
    // The requests that arrived together are decided before this moment, so one transaction commits all their decisions.
    await setImmediate();
    while (queue.length > 0) await writeBatch(queue.splice(0, maxBatch));
    isWriting = false;
  };

  const write: WriteDecision = (decision) =>
    new Promise((resolve, reject) => {
      queue.push({ decision, resolve, reject });
      waiting += 1;
      if (!isWriting) void writeAll();
    });
  return { write, countWaiting: () => waiting };
}
