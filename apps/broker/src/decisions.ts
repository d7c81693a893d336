import { ValetKeyError, type Clock, type Principal } from '@valetkey/core-types';
import type { Logger } from 'pino';
import { toValetKeyError } from './http/problem.ts';
import type { StoreHealth } from './store-health.ts';
import type { Decision, Store } from './store.ts';

/** What a decision is about. `vendorUserId` is filled in once it is known. */
export interface DecisionSubject {
  readonly requestId: string;
  readonly operation: Decision['operation'];
  readonly vendor: string;
  readonly principal: Principal;
  vendorUserId?: string | undefined;
}

/** Runs the work of one request and records what came of it before the outcome goes anywhere. */
export type Decide = <Result>(subject: DecisionSubject, work: () => Promise<Result>) => Promise<Result>;

export interface DecisionEffects {
  readonly store: Store;
  readonly storeHealth: StoreHealth;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onDecision?: ((decision: Decision) => void) | undefined;
}

/** Makes the one place where decisions are recorded: in the store, in the log, and to whoever listens. */
export function createDecide({ store, storeHealth, clock, logger, onDecision }: DecisionEffects): Decide {
  const refuse = (requestId: string, error: unknown): never => {
    const { reason } = toValetKeyError(error);
    logger.error({ requestId, reason }, 'audit cannot be written');
    throw new ValetKeyError('overloaded', 'The broker cannot write its audit, so it answers no credential.', {
      retryAfterSeconds: 5,
      reason,
      remediation: 'Call again later; the operator has to give the store room or permission to write.',
    });
  };

  const record = async (subject: DecisionSubject, outcome: string, reason?: string) => {
    const { requestId, operation, vendor, principal, vendorUserId } = subject;
    const { issuer, subject: person } = principal;
    const at = new Date(clock.nowMs()).toISOString();
    const decision: Decision = { at, requestId, operation, vendor, issuer, subject: person, vendorUserId, outcome };
    try {
      await store.recordDecision(decision);
    } catch (error) {
      storeHealth.distrust();
      refuse(requestId, error);
    }
    logger.info({ decision, ...(reason === undefined ? {} : { reason }) }, 'decision');
    onDecision?.(decision);
  };

  return async (subject, work) => {
    // What a vendor does for a caller cannot be taken back when it turns out that it cannot be written down.
    await storeHealth.admit().catch((error: unknown) => refuse(subject.requestId, error));
    try {
      const result = await work();
      await record(subject, 'allowed');
      return result;
    } catch (thrown) {
      const error = toValetKeyError(thrown);
      if (error.code === 'overloaded') {
        const { requestId, operation, vendor } = subject;
        logger.warn({ requestId, operation, vendor, reason: error.reason }, 'overloaded');
      } else {
        await record(subject, error.code, error.reason);
      }
      throw thrown;
    }
  };
}
