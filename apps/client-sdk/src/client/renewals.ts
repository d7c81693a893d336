import type { MonotonicClock } from '../calls/clock.ts';
import { createSharedCalls } from '../calls/shared-calls.ts';
import { ValetError } from '../errors/valet-error.ts';

/** Milliseconds in which the client does not ask again after `getAppToken` threw for a refused token. */
const coolDownMs = 5000;

/** The renewals of app tokens that the broker refused. */
export interface Renewals {
  /** The renewals so far that gave a token. */
  readonly count: () => number;
  /**
   * Resolves with a new app token. Calls with the same refused token share one renewal, and its failure: they belong to
   * the same user, even if `getAppToken` serves several users.
   */
  readonly renew: (refusedToken: string) => Promise<string>;
}

interface RenewalsDependencies {
  readonly clock: MonotonicClock;
  readonly request: () => Promise<string>;
}

interface Failure {
  readonly error: ValetError;
  readonly untilMs: number;
}

export function createRenewals({ clock, request }: RenewalsDependencies): Renewals {
  const underWay = createSharedCalls();
  const failures = new Map<string, Failure>();
  let count = 0;

  function keepFailure(refusedToken: string, error: ValetError): void {
    const nowMs = clock.monotonicMs();
    for (const [token, { untilMs }] of failures) if (untilMs <= nowMs) failures.delete(token);
    failures.set(refusedToken, { error, untilMs: nowMs + coolDownMs });
  }

  async function requestOnce(refusedToken: string): Promise<string> {
    try {
      const token = await request();
      count += 1;
      return token;
    } catch (error) {
      if (ValetError.isInstance(error) && error.code === 'app_token_unavailable') keepFailure(refusedToken, error);
      throw error;
    }
  }

  return {
    count: () => count,
    renew: async (refusedToken) => {
      const failure = failures.get(refusedToken);
      const waitMs = failure === undefined ? 0 : failure.untilMs - clock.monotonicMs();
      if (failure !== undefined && waitMs > 0) throw repeatLater(failure.error, waitMs);
      return underWay.join(refusedToken, () => requestOnce(refusedToken));
    },
  };
}

function repeatLater({ cause }: ValetError, waitMs: number): ValetError {
  const message = '`getAppToken` threw a moment ago, so the client does not call it yet.';
  const retryAfterSeconds = Math.ceil(waitMs / 1000);
  return new ValetError('app_token_unavailable', message, { cause, retryAfterSeconds });
}
