import { describeForeignError, ValetKeyError, type Clock, type ErrorCode } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { StoreHealth } from '../storage/store-health.ts';
import type { Decision, Store } from '../storage/store.ts';

/** A decision to be recorded. The audit adds the time. */
export interface DecisionInput extends Omit<Decision, 'at'> {
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
}

interface AuditDependencies {
  readonly store: Store;
  readonly storeHealth: StoreHealth;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with each decision after it is recorded. */
  readonly listeners?: readonly DecisionListener[] | undefined;
}

type DecisionListener = (decision: Decision) => unknown;

/** Creates the audit. It writes each decision to the store, then to the log, then passes it to the listeners. */
export function createAudit({ store, storeHealth, clock, logger, listeners = [] }: AuditDependencies): Audit {
  /** Whether the last write failed and the store has not passed a check since then. */
  let hasFailed = false;

  const unwritableError = (requestId: string, error: unknown): ValetKeyError => {
    const reason = ValetKeyError.isInstance(error) ? error.reason : undefined;
    // The outage of the store is logged once, and not by each request.
    logger.debug({ requestId, reason }, 'audit cannot be written');
    return new ValetKeyError('overloaded', 'The broker cannot write its audit, so it issues no credential.', {
      retryAfterSeconds: 5,
      reason,
      remediation: 'Call again later; the operator must give the store space or permission to write.',
    });
  };

  /** A listener that fails must not change the response to a request that was decided and recorded. */
  const tell = (listen: DecisionListener, decision: Decision): void => {
    const fail = (error: unknown) =>
      logger.error({ requestId: decision.requestId, error: describeForeignError(error) }, 'decision listener failed');
    try {
      Promise.resolve(listen(decision)).catch(fail);
    } catch (error) {
      fail(error);
    }
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
      const decision: Decision = { at: new Date(clock.nowMs()).toISOString(), ...input };
      try {
        await store.recordDecision(decision);
      } catch (error) {
        hasFailed = true;
        storeHealth.reportFailure();
        throw unwritableError(decision.requestId, error);
      }
      const { requestId, reason, ...logged } = decision;
      logger.info({ requestId, decision: logged, ...(reason !== undefined && { reason }) }, 'decision');
      for (const listen of listeners) tell(listen, decision);
    },
  };
}
