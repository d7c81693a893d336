import { ValetKeyError, type Clock, type Principal } from '@valetkey/core-types';
import type { Logger } from 'pino';
import type { Audit } from '../audit/audit.ts';
import type { AccessRule } from '../policy/access.ts';
import { listObserved } from '../policy/policy-rules.ts';
import type { Decision } from '../storage/audit-store.ts';
import type { Connection, Connections } from './connections.ts';
import { CallerTokenRefusal } from './app-token-bound.ts';
import type { OnMappingChange } from './vendor-users.ts';

/** An authenticated request to use a connection, whatever protocol the caller used to send it. */
export interface OperationRequest {
  readonly id: string;
  readonly principal: Principal;
  /** The connection's name as the caller sent it. It is not checked yet, and may be any text. */
  readonly connection: string;
  /** The HTTP method of a proxied call. */
  readonly method?: string | undefined;
  /** The caller's token. Only its fingerprint is recorded. */
  readonly token?: string | undefined;
  readonly clientAddress?: string | undefined;
}

/** What the work of an operation learns for its decision, whether the work then succeeds or fails. */
export type OperationDetails = Pick<Decision, 'path' | 'vendorStatus'>;

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
  work: (
    connection: Connection,
    recordChange: OnMappingChange,
    addDetails: (details: OperationDetails) => void,
  ) => Promise<OperationResult<Result>>,
) => Promise<Result>;

interface PerformDependencies {
  readonly connections: Connections;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The version of the rules by which the broker decides. */
  readonly policyVersion?: string | undefined;
}

export function createPerform({ connections, audit, clock, logger, policyVersion }: PerformDependencies): Perform {
  const logOverload = createOverloadLog(clock, logger);
  return async (request, operation, work) => {
    const startedAtMs = clock.monotonicMs();
    await audit.assertWritable(request.id);
    const { id: requestId, principal, connection: name, method, clientAddress, token } = request;
    const { issuer, subject } = principal;
    const decision = {
      requestId,
      operation,
      connection: name,
      vendor: connections.get(name)?.vendor.id,
      issuer,
      subject,
      policyVersion,
      clientAddress,
      tokenFingerprint: token === undefined ? undefined : audit.fingerprint(token, principal),
    };
    const recordChange: OnMappingChange = (change) => audit.record({ ...decision, ...change, outcome: 'allowed' });
    let details: OperationDetails & Pick<Decision, 'observed'> = {};
    const describe = () => ({ method, ...details, durationMs: Math.round(clock.monotonicMs() - startedAtMs) });
    let broken: string | undefined;
    let done: Awaited<ReturnType<typeof work>>;
    try {
      const connection = findConnection(connections, name);
      for (const rule of connection.rules) {
        broken = describeBroken(rule, principal, operation);
        if (broken !== undefined) throw rule.refusal();
      }
      const { observedRules = [] } = connection;
      if (observedRules.length > 0) {
        const observed = listObserved(observedRules, principal, operation);
        for (const rule of observed) logger.warn({ ...decision, rule }, 'would be refused');
        if (observed.length > 0) details = { observed: observed.join(', ') };
      }
      done = await work(connection, recordChange, (added) => {
        details = { ...details, ...added };
      });
    } catch (failure) {
      const { thrown, vendorUserId } =
        failure instanceof OperationFailure ? failure : { thrown: failure, vendorUserId: undefined };
      const error = toOperationError(thrown);
      const {
        code,
        reason = broken,
        cause,
      }: RecordedError = ValetKeyError.isInstance(error) ? error : { code: 'internal' };
      const { vendorStatus = cause?.type === 'vendor_status' ? cause.status : undefined } = details;
      // The vendor was not called. An audit row for each of these refusals would add to the load of the broker.
      if (code === 'overloaded') logOverload({ ...decision, reason });
      else await audit.record({ ...decision, ...describe(), vendorStatus, vendorUserId, outcome: code, reason });
      throw error;
    }
    await audit.record({ ...decision, ...describe(), vendorUserId: done.vendorUserId, outcome: 'allowed' });
    return done.result;
  };
}

/** While calls are refused because no place is left, the log has at most one line in this time for each connection and reason. */
const overloadLineMs = 1_000;

/** Creates the function that logs the refusals of configured connections, a few of many. */
function createOverloadLog(clock: Clock, logger: Logger) {
  const loggedAtMs = new Map<string, number>();
  return (line: Readonly<Pick<Decision, 'connection' | 'reason'>>): void => {
    const key = JSON.stringify([line.connection, line.reason]);
    const nowMs = clock.monotonicMs();
    if (nowMs - (loggedAtMs.get(key) ?? -Infinity) < overloadLineMs) return;
    loggedAtMs.set(key, nowMs);
    logger.warn(line, 'overloaded');
  };
}

type RecordedError = Pick<ValetKeyError, 'code'> & Partial<Pick<ValetKeyError, 'reason' | 'cause'>>;

/** Returns the rule that refuses a principal and the names of what the token lacks, or undefined if the rule allows it. */
function describeBroken({ field, lacking }: AccessRule, principal: Principal, operation: string): string | undefined {
  const names = lacking(principal, operation);
  if (names.length === 0) return undefined;
  // An issuer is a value of the token. The decision has it in a field of its own.
  return field === 'issuers' ? field : `${field}: ${names.join(', ')}`;
}

/**
 * Returns the error to throw for the error of an operation's work. The caller is authenticated, so a 401 of an adapter is
 * not about the caller. What a library threw is wrapped, so that its fields do not decide the response.
 */
function toOperationError(thrown: unknown): Error {
  if (thrown instanceof CallerTokenRefusal) return thrown.refusal;
  if (ValetKeyError.isInstance(thrown) && thrown.status !== 401) return thrown;
  return new Error('The work of the operation failed.', { cause: thrown });
}

/** Returns the connection of this name. Throws `unknown_vendor` if none is configured. */
export function findConnection(connections: Connections, name: string): Connection {
  const connection = connections.get(name);
  if (connection !== undefined) return connection;
  throw new ValetKeyError('unknown_vendor', 'No connection of this name is configured.');
}
