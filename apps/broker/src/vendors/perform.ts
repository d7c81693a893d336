import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { Audit } from '../audit/audit.ts';
import type { Decision } from '../storage/store.ts';
import { findConnection, type Connection, type Connections } from './connections.ts';

/** An authenticated request to use a connection, whatever protocol the caller used to send it. */
export interface OperationRequest {
  readonly id: string;
  readonly principal: Principal;
  /** The connection's name as the caller sent it. It is not checked yet, and may be any text. */
  readonly connection: string;
}

/** The result of an operation's work. */
export interface OperationResult<Result> {
  readonly result: Result;
  /** The vendor user for whom the broker called the vendor. Absent if the call was for no vendor user. */
  readonly vendorUserId?: string | undefined;
}

/** Wraps the error of work that was done for a vendor user, so that the audit can record the vendor user as well. */
export class OperationFailure extends Error {
  readonly thrown: unknown;
  readonly vendorUserId: string;

  constructor(thrown: unknown, vendorUserId: string) {
    super('The operation failed.');
    this.thrown = thrown;
    this.vendorUserId = vendorUserId;
  }
}

/**
 * Performs one operation. The order is the same for every operation: check that the audit is writable, check that the policy
 * allows the principal, do the work, record the decision. `perform` returns the result only after the decision is committed.
 * If the work fails, `perform` records that decision in the same way and then rejects with the error.
 */
export type Perform = <Result>(
  request: OperationRequest,
  operation: Decision['operation'],
  work: (connection: Connection) => Promise<OperationResult<Result>>,
) => Promise<Result>;

interface PerformDependencies {
  readonly connections: Connections;
  readonly audit: Audit;
  readonly logger: Logger;
}

export function createPerform({ connections, audit, logger }: PerformDependencies): Perform {
  return async (request, operation, work) => {
    await audit.assertWritable(request.id);
    const { id: requestId, principal, connection: name } = request;
    const { issuer, subject } = principal;
    const decision = {
      requestId,
      operation,
      connection: name,
      vendor: connections.get(name)?.vendor.id,
      issuer,
      subject,
    };
    let done: Awaited<ReturnType<typeof work>>;
    try {
      const connection = findConnection(connections, name);
      for (const rule of connection.rules) if (!rule.allows(principal)) throw rule.refusal();
      done = await work(connection);
    } catch (failure) {
      const { thrown, vendorUserId } =
        failure instanceof OperationFailure ? failure : { thrown: failure, vendorUserId: undefined };
      const { code, reason } = ValetKeyError.isInstance(thrown) ? thrown : { code: 'internal' as const };
      // Not recorded: while the broker is overloaded, one audit row per refusal would add to its load.
      if (code === 'overloaded') logger.warn({ requestId, operation, connection: name, reason }, 'overloaded');
      else await audit.record({ ...decision, vendorUserId, outcome: code, reason });
      throw thrown;
    }
    await audit.record({ ...decision, vendorUserId: done.vendorUserId, outcome: 'allowed' });
    return done.result;
  };
}
