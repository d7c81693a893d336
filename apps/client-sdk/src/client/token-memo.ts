import type { MonotonicClock } from '../calls/clock.ts';
import { isOver, remainingMs, type Moment } from '../calls/moment.ts';
import { createTokenListeners, type TokenListeners } from './token-listeners.ts';
import type { IssueEnvelope } from './wire.ts';

/** What a token is kept under. */
export interface TokenKey {
  /** The user, the connection and its parameters. */
  readonly key: string;
  /** The connection and its parameters. */
  readonly subject: string;
}

/** A response of the broker, and when it was requested. The app may have slept between the two. */
export interface ReceivedToken {
  readonly response: IssueEnvelope;
  readonly requestedAt: Moment;
}

/** The vendors' tokens of one user, in memory only. */
export interface TokenMemo {
  /**
   * Returns a copy of the response under `key` if it is not due for a refresh, with the seconds that are left. Drops the
   * response if `refused` is a copy of it.
   */
  readonly get: (key: TokenKey, refused?: object) => IssueEnvelope | undefined;
  /**
   * Keeps a response until its `refresh_after` and returns a copy. Returns undefined for a response without it, as for a
   * token that works once: it is not kept.
   */
  readonly keep: (key: TokenKey, received: ReceivedToken) => IssueEnvelope | undefined;
  readonly onChange: TokenListeners['add'];
  /** Drops all tokens and listeners, and tells the listeners. Nothing is kept from now on. */
  readonly end: () => void;
}

interface Memo {
  readonly subject: string;
  readonly received: ReceivedToken;
  readonly due: Moment;
}

const maxMemos = 1000;

export function createTokenMemo(clock: MonotonicClock): TokenMemo {
  const memos = new Map<string, Memo>();
  const copies = new WeakMap<object, ReceivedToken>();
  const listeners = createTokenListeners();
  let isEnded = false;

  function copyOf(received: ReceivedToken): IssueEnvelope {
    const copy = withSecondsLeft(received, clock);
    copies.set(copy, received);
    return copy;
  }

  /** Keeps `memo`, and says whether it is the only token of its subject: an app token may change before its tokens are due. */
  function add(key: string, memo: Memo): boolean {
    for (const [other, { due }] of memos) if (isOver(due, clock)) memos.delete(other);
    const [oldest] = memos.keys();
    if (memos.size >= maxMemos && oldest !== undefined) memos.delete(oldest);
    const isOnly = ![...memos.values()].some(({ subject }) => subject === memo.subject);
    memos.set(key, memo);
    return isOnly;
  }

  return {
    get: ({ key }, refused) => {
      const memo = memos.get(key);
      if (memo === undefined || isOver(memo.due, clock)) return undefined;
      if (refused === undefined || copies.get(refused) !== memo.received) return copyOf(memo.received);
      memos.delete(key);
      return undefined;
    },
    keep: ({ key, subject }, received) => {
      const { refresh_after: seconds } = received.response;
      if (typeof seconds !== 'number' || !(seconds > 0)) return undefined;
      // The callers that shared the request keep its response one after another.
      if (isEnded || memos.get(key)?.received === received) return copyOf(received);
      const { requestedAt } = received;
      const dueAfterMs = seconds * 1000;
      const due = { monotonicMs: requestedAt.monotonicMs + dueAfterMs, wallMs: requestedAt.wallMs + dueAfterMs };
      if (add(key, { subject, received, due })) listeners.tell(subject, { reason: 'renewed' });
      return copyOf(received);
    },
    onChange: listeners.add,
    end: () => {
      isEnded = true;
      memos.clear();
      listeners.end();
    },
  };
}

/** Returns a copy of a response whose lifetimes count from now, in seconds. */
function withSecondsLeft({ response, requestedAt }: ReceivedToken, clock: MonotonicClock): IssueEnvelope {
  const elapsedSeconds = Math.floor(-remainingMs(requestedAt, clock) / 1000);
  const copy = { ...response };
  for (const name of ['expires_in', 'refresh_after'] as const) {
    const seconds = copy[name];
    if (typeof seconds === 'number') copy[name] = Math.max(0, seconds - elapsedSeconds);
  }
  return copy;
}
