import { ValetKeyError, type Clock, type ErrorCode } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { StoreHealth } from '../storage/store-health.ts';
import type { Decision, Store } from '../storage/store.ts';

/** What the audit records of one operation; the audit adds the time. */
export interface DecisionInput extends Omit<Decision, 'at'> {
  readonly outcome: 'allowed' | ErrorCode;
  /** The reason of a refusal, for the log only. */
  readonly reason?: string | undefined;
}

/** The list of decisions. */
export interface Audit {
  /**
   * Resolves if decisions can be recorded; rejects with `overloaded` otherwise. Called before an operation: what a vendor
   * does for a caller cannot be undone when its decision turns out not to be recordable.
   */
  readonly assertWritable: (requestId: string) => Promise<void>;
  /** Resolves after the decision is committed. Rejects with `overloaded` where it cannot be. */
  readonly record: (decision: DecisionInput) => Promise<void>;
}

interface AuditDependencies {
  readonly store: Store;
  readonly storeHealth: StoreHealth;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with each decision after it is recorded. */
  readonly listeners?: readonly ((decision: Decision) => void)[] | undefined;
}

/** Creates the audit: decisions go to the store, then to the log and the listeners. */
export function createAudit({ store, storeHealth, clock, logger, listeners = [] }: AuditDependencies): Audit {
  /** Whether a decision could not be recorded since the store was last found writable. */
  let hasFailed = false;

  const unwritable = (requestId: string, error: unknown): ValetKeyError => {
    const reason = ValetKeyError.isInstance(error) ? error.reason : undefined;
    logger.error({ requestId, reason }, 'audit cannot be written');
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
        throw unwritable(requestId, error);
      }
    },
    record: async ({ reason, ...input }) => {
      const decision: Decision = { at: new Date(clock.nowMs()).toISOString(), ...input };
      try {
        await store.recordDecision(decision);
      } catch (error) {
        hasFailed = true;
        storeHealth.reportFailure();
        throw unwritable(decision.requestId, error);
      }
      logger.info({ decision, ...(reason !== undefined && { reason }) }, 'decision');
      for (const listen of listeners) listen(decision);
    },
  };
}
