import { neverEnding } from '../calls/client-inside.ts';
import { settleWithin } from '../calls/deadline.ts';
import { ValetError } from '../errors/valet-error.ts';
import { assertCurrent, type Era, type SessionContext } from './session-context.ts';
import { alreadySignedInError, asValetError, signedOutError, storageError } from './session-errors.ts';
import { isOver, type Moment } from '../calls/moment.ts';
import { recordOf, type SessionRecord } from './session-record.ts';
import { checkTokens } from './session-tokens.ts';
import type { SessionCall, SessionTokens, SessionVendor } from './session-types.ts';

/** The turn of this tab, and the session that it found. */
export interface SessionTurn {
  readonly own: Era;
  /** Whether the tab that had the turn before vanished during it. */
  readonly isTakenOver: boolean;
  readonly former: SessionRecord | undefined;
  readonly revision: string | null;
  /** When this tab must have its responses: another tab takes the turn two seconds later. */
  readonly requestsEnd: Moment;
}

/** Milliseconds that the requests of a turn may take. Two seconds later, another tab can take the turn. */
const requestMs = 8000;

/** Runs `task` while no other tab runs one, after it has read the storage. */
export async function runInTurn<Ticket, Result>(
  context: SessionContext<Ticket>,
  own: Era,
  task: (turn: SessionTurn) => Promise<Result>,
): Promise<Result> {
  const { storage, stored, key, clock, timeoutMs } = context;
  const deadline = { clock, timeoutMs: timeoutMs + requestMs, ending: own };
  try {
    return await settleWithin(deadline, ({ signal }) =>
      storage.runAlone(key, signal, async ({ isTakenOver }) => {
        const requestsEnd = { monotonicMs: clock.monotonicMs() + requestMs, wallMs: clock.nowMs() + requestMs };
        await stored.read();
        if (stored.held !== undefined && !isAccepted(context.vendor, stored.held.record)) {
          await endRefused(context);
          await stored.read();
        }
        assertCurrent(own);
        return task({ own, isTakenOver, former: stored.held?.record, revision: stored.revision, requestsEnd });
      }),
    );
  } catch (error) {
    throw ValetError.isInstance(error) ? error : storageError();
  }
}

interface RequestOptions {
  /** Ends the request. */
  readonly signal?: AbortSignal | undefined;
  /** Receives the tokens of a response that arrives after the request ended. Default: withdraws them. */
  readonly onLate?: ((tokens: SessionTokens) => void) | undefined;
}

/** Sends a request of a turn. The vendor's function may throw, hang or return nonsense. */
export function request<Ticket>(
  context: SessionContext<Ticket>,
  turn: SessionTurn,
  send: (call: SessionCall) => Promise<SessionTokens>,
  { signal: callerSignal, onLate = (tokens) => revoke(context, tokens) }: RequestOptions = {},
): Promise<SessionTokens> {
  const { clock } = context;
  const { own, former, requestsEnd } = turn;
  if (isOver(requestsEnd, clock)) {
    return Promise.reject(new ValetError('timeout', 'The turn of this tab was over before it sent a request.'));
  }
  const timeoutMs = Math.min(requestMs, requestsEnd.monotonicMs - clock.monotonicMs());
  const deadline = { clock, timeoutMs, ending: own, signal: callerSignal, what: 'The request' };
  return settleWithin(deadline, async ({ signal }) => {
    const tokens = await asValetError(async () => checkTokens(await send(callOf(context, signal, former))));
    if (signal.aborted) onLate(tokens);
    return tokens;
  });
}

/** Withdraws tokens that nobody will use. */
export function revoke<Ticket>(context: SessionContext<Ticket>, tokens: SessionTokens): void {
  const { clock, vendor } = context;
  const deadline = { clock, timeoutMs: requestMs, ending: neverEnding };
  settleWithin(deadline, async ({ signal }) => vendor.revoke?.(tokens, callOf(context, signal))).catch(() => undefined);
}

function callOf<Ticket>(
  { clock, serverTimeOffsetMs }: SessionContext<Ticket>,
  signal: AbortSignal,
  former?: SessionRecord,
): SessionCall {
  const nowMs = () => clock.nowMs() + (serverTimeOffsetMs() ?? former?.offsetMs ?? 0);
  return { signal, nowMs, details: former?.details };
}

/** Keeps the tokens of a turn. Resolves with the access token that counts: another tab may have been first. */
export async function keep<Ticket>(
  context: SessionContext<Ticket>,
  { own, former, revision }: SessionTurn,
  tokens: SessionTokens,
): Promise<string> {
  const { stored, clock, serverTimeOffsetMs, showState } = context;
  const id = former?.id ?? createId();
  const record = recordOf(tokens, { id, nowMs: clock.nowMs(), offsetMs: serverTimeOffsetMs() });
  let isSaved = await stored.save(record, revision);
  const isRead =
    !isSaved &&
    !own.ended &&
    (await stored.read().then(
      () => true,
      () => false,
    ));
  const other = stored.held?.record;
  // A write that this program took for a failure landed late: the tokens in the storage are those that were traded.
  if (isRead && other?.id === id && other.refreshToken === former?.refreshToken) {
    isSaved = await stored.save(record, stored.revision);
  }
  if (isSaved) {
    showState('signed_in');
    return record.accessToken;
  }
  // Tokens of the same session stay: many vendors end the whole session with one of its tokens.
  if (own.ended || other?.id !== id) revoke(context, tokens);
  assertCurrent(own);
  if (!isRead) throw storageError();
  if (other === undefined) throw signedOutError();
  if (!isAccepted(context.vendor, other)) throw alreadySignedInError();
  return other.accessToken;
}

/** Ends a session that the vendor or this app refuses. */
export async function endRefused<Ticket>({ stored, showState }: SessionContext<Ticket>): Promise<void> {
  stored.drop();
  showState('refused');
  // A storage that cannot be erased now is erased before its next use.
  await stored.erase().catch(() => undefined);
}

/** Returns whether a session is one of this app's user. */
export function isAccepted({ accepts }: Pick<SessionVendor<never>, 'accepts'>, { details }: SessionRecord): boolean {
  return accepts?.(details) !== false;
}

/** Returns a name that no other sign-in has. It is no secret. */
function createId(): string {
  return Date.now().toString(36) + Math.random().toString(36).slice(2);
}
