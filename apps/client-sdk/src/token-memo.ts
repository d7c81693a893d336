import type { MonotonicClock } from './clock.ts';
import type { IssueEnvelope } from './wire.ts';

/** The vendors' tokens of one user, in memory only. */
export interface TokenMemo {
  /** Returns the response under `key` if it is not due for a refresh. */
  readonly get: (key: string) => IssueEnvelope | undefined;
  /**
   * Keeps a response until its `refresh_after`. Returns false for a response without it, as for a token that works once:
   * it is not kept.
   */
  readonly set: (key: string, response: IssueEnvelope) => boolean;
}

interface Memo {
  readonly response: IssueEnvelope;
  readonly untilMs: { readonly monotonic: number; readonly wall: number };
}

const maxMemos = 1000;

export function createTokenMemo({ nowMs, monotonicMs }: MonotonicClock): TokenMemo {
  const memos = new Map<string, Memo>();
  // The monotonic clock of some devices stands still during a sleep, and the wall clock can be set back.
  const isFresh = ({ untilMs }: Memo) => monotonicMs() < untilMs.monotonic && nowMs() < untilMs.wall;

  return {
    get: (key) => {
      const memo = memos.get(key);
      return memo !== undefined && isFresh(memo) ? memo.response : undefined;
    },
    set: (key, response) => {
      const { refresh_after: seconds } = response;
      if (typeof seconds !== 'number' || !(seconds > 0)) return false;
      for (const [other, memo] of memos) if (!isFresh(memo)) memos.delete(other);
      const [oldest] = memos.keys();
      if (memos.size >= maxMemos && oldest !== undefined) memos.delete(oldest);
      const freshMs = seconds * 1000;
      memos.set(key, { response, untilMs: { monotonic: monotonicMs() + freshMs, wall: nowMs() + freshMs } });
      return true;
    },
  };
}
