import { type CacheableToken, ValetKeyError } from '@valetkey/core-types';
import type { Timers } from './timers.ts';

/** A function that requests a token from the vendor. The signal aborts when the cache no longer needs the token. */
export type Issue<Token extends CacheableToken> = (options: { readonly signal: AbortSignal }) => Promise<Token>;

export interface IssueOnceOptions {
  /** Aborts the call: the cache aborts it when the token is not needed, and `issueOnce` at the deadline. */
  readonly controller: AbortController;
  readonly timers: Timers;
  readonly issueTimeoutMs: number;
  readonly vendor: string;
}

/**
 * Calls `issue` with a deadline. Rejects with `vendor_timeout` at the deadline, and with the abort reason when
 * `controller` is aborted, even if `issue` never settles.
 */
export function issueOnce(issue: Issue<CacheableToken>, options: IssueOnceOptions): Promise<CacheableToken> {
  const { controller, timers, issueTimeoutMs, vendor } = options;
  const { signal } = controller;
  return new Promise((resolve, reject) => {
    const cancel = timers.after(issueTimeoutMs, () => {
      const detail = `No token was issued within ${issueTimeoutMs} ms.`;
      controller.abort(new ValetKeyError('vendor_timeout', detail, { vendor, reason: 'issue_deadline' }));
    });
    signal.addEventListener('abort', abort);
    // Inside an async function, an error that `issue` throws before it returns a promise becomes a rejection.
    const attempt = async (): Promise<CacheableToken> => issue({ signal });
    attempt().then(
      (token) => end(() => resolve(token)),
      (error: unknown) => end(() => reject(error)),
    );

    function abort(): void {
      end(() => reject(signal.reason));
    }

    function end(settle: () => void): void {
      cancel();
      signal.removeEventListener('abort', abort);
      settle();
    }
  });
}
