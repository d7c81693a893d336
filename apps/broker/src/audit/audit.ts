import { describeForeignError, ValetKeyError, type Clock, type ErrorCode } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { StoreHealth } from '../storage/store-health.ts';
import type { AuditStore, Decision } from '../storage/audit-store.ts';
import type { PrincipalId } from '../storage/store.ts';
import type { AuditKey } from './audit-key.ts';
import { createChain } from './chain.ts';
import { createDecisionWriter } from './decision-writer.ts';
import { forgetDecisions } from './forget.ts';
import { createRefusals } from './refusals.ts';

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
  /** Returns the keyed hash of a token. Undefined if the audit has no key. */
  readonly fingerprint: (token: string) => string | undefined;
  /** Erases the personal fields of all decisions about a principal. Returns the number of decisions. */
  readonly forget: (principal: PrincipalId) => Promise<number>;
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
}

type DecisionListener = (decision: Decision) => unknown;

/** Creates the audit. It writes each decision to the store, then to the log, then passes it to the listeners. */
export function createAudit(dependencies: AuditDependencies): Audit {
  const { store, storeHealth, clock, logger, key, listeners = [] } = dependencies;
  const chain = key && createChain({ key, store, clock });
  const writer = createDecisionWriter({ store, chain });
  const refusals = createRefusals({
    writer,
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
      const decision: Decision = { at: new Date(clock.nowMs()).toISOString(), ...input };
      let isCounted = false;
      try {
        // What an operator or the broker itself changed always has a row of its own.
        if (input.outcome === 'allowed') await writer.write(decision);
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
    fingerprint: (token) => key?.mac('token', token).slice(0, 22),
    forget: (principal) => forgetDecisions(principal, { store, key }),
    close: refusals.close,
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
