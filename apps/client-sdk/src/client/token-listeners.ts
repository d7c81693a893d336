import { callSafely } from '../calls/call-safely.ts';

/** What happened to the token that `token` keeps. It contains no token. */
export interface TokenChange {
  /**
   * `renewed`: `token` resolves with a new token. `signed_out`: `signOut` dropped the token, and the listener receives nothing
   * about the next user.
   */
  readonly reason: 'renewed' | 'signed_out';
}

export type TokenListener = (change: TokenChange) => void;

/** The listeners of one user's tokens. */
export interface TokenListeners {
  /** Calls `listener` with each change of the tokens of `subject`. Returns a function that ends this. */
  readonly add: (subject: string, listener: TokenListener) => () => void;
  readonly tell: (subject: string, change: TokenChange) => void;
  /** Tells all listeners that the user signed out, and removes them. */
  readonly end: () => void;
}

interface Entry {
  readonly subject: string;
  readonly listener: TokenListener;
}

export function createTokenListeners(): TokenListeners {
  const entries = new Set<Entry>();

  /** A listener may add and remove listeners: added ones are not called, and neither are removed ones. */
  function tellAll(told: readonly Entry[], change: TokenChange): void {
    for (const entry of told) if (entries.has(entry)) callSafely(entry.listener, change);
  }

  return {
    add: (subject, listener) => {
      const entry = { subject, listener };
      entries.add(entry);
      return () => void entries.delete(entry);
    },
    tell: (subject, change) => {
      tellAll(
        [...entries].filter((entry) => entry.subject === subject),
        Object.freeze(change),
      );
    },
    end: () => {
      tellAll([...entries], Object.freeze({ reason: 'signed_out' }));
      entries.clear();
    },
  };
}
