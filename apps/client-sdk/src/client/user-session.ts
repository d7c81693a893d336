import { requestAppToken, type GetAppToken } from './app-token.ts';
import { settleWithin, type Ending, type Settle } from '../calls/deadline.ts';
import { createEnding } from '../calls/ending.ts';
import type { ParsedOptions } from './options.ts';
import { createRenewals, type Renewals } from './renewals.ts';
import { createSharedCalls, type SharedCalls } from '../calls/shared-calls.ts';
import { createTokenMemo, type TokenMemo } from './token-memo.ts';

/** The time between two calls of `signOut`. Everything that a call begins belongs to the session in which it began. */
export interface UserSession extends Ending {
  readonly getAppToken: GetAppToken;
  readonly end: () => void;
  readonly settle: Settle;
  readonly sharedCalls: SharedCalls;
  readonly renewals: Renewals;
  readonly tokens: TokenMemo;
}

export function createUserSession(options: ParsedOptions): UserSession {
  const { clock, timeoutMs, getAppToken } = options;
  const ending = createEnding();
  const tokens = createTokenMemo(clock);
  const settle: Settle = (signal, task) => settleWithin({ clock, timeoutMs, signal, ending }, task);
  return {
    get ended() {
      return ending.ended;
    },
    onEnd: ending.onEnd,
    end: () => {
      ending.end();
      tokens.end();
    },
    getAppToken,
    settle,
    sharedCalls: createSharedCalls(),
    tokens,
    renewals: createRenewals({
      clock,
      request: () => settle(undefined, ({ signal }) => requestAppToken(getAppToken, { forceRefresh: true, signal })),
    }),
  };
}
