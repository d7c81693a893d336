import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { Audit } from '../audit/audit.ts';
import type { Decision } from '../storage/store.ts';
import type { Connection, Connections } from './connections.ts';

/** An authenticated request to use a connection, independent of the protocol in which it was sent. */
export interface OperationRequest {
  readonly id: string;
  readonly principal: Principal;
  /** The name that the caller gave; it may name no connection. */
  readonly connection: string;
}

/** What the work of an operation results in. */
export interface OperationResult<Result> {
  readonly result: Result;
  /** The vendor user for whom the vendor was called, where there is one. */
  readonly vendorUserId?: string | undefined;
}

/** A failure of work that was done for a vendor user: it carries what the audit records beside the error itself. */
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
 * Performs one operation in the order that every operation has: the audit is writable, the policy allows the principal, the
 * work is done, the decision is recorded. The result is returned only after the decision is committed. A failure is
 * recorded in the same way and then thrown.
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
    const decision = { requestId, operation, connection: name, issuer, subject };
    let done: Awaited<ReturnType<typeof work>>;
    try {
      const connection = findConnection(connections, name);
      for (const rule of connection.rules) if (!rule.allows(principal)) throw rule.refusal();
      done = await work(connection);
    } catch (failure) {
      const { thrown, vendorUserId } =
        failure instanceof OperationFailure ? failure : { thrown: failure, vendorUserId: undefined };
      const { code, reason } = ValetKeyError.isInstance(thrown) ? thrown : { code: 'internal' as const };
      // An overloaded broker sheds load: a row for each refusal would add to it.
      if (code === 'overloaded') logger.warn({ requestId, operation, connection: name, reason }, 'overloaded');
      else await audit.record({ ...decision, vendorUserId, outcome: code, reason });
      throw thrown;
    }
    await audit.record({ ...decision, vendorUserId: done.vendorUserId, outcome: 'allowed' });
    return done.result;
  };
}

/** Returns the connection of this name. Throws `unknown_vendor`. */
export function findConnection(connections: Connections, name: string): Connection {
  const connection = connections.get(name);
  if (connection !== undefined) return connection;
  throw new ValetKeyError('unknown_vendor', 'No connection of this name is configured.');
}
