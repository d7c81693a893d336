import { type CacheableToken, ValetKeyError } from '@valetkey/core-types';
import type { Timers } from './timers.ts';

/** Asks the vendor for a token. The signal ends when the cache no longer wants it. */
export type Issue<Token extends CacheableToken> = (options: { readonly signal: AbortSignal }) => Promise<Token>;

export interface IssueOnceOptions {
  /** Ends the wait when it is aborted, and is aborted at the deadline. */
  readonly controller: AbortController;
  readonly timers: Timers;
  readonly issueTimeoutMs: number;
  readonly vendor: string;
}

/** One issue with a deadline: it ends when the deadline or the controller says so, even if what it called never answers. */
export const issueOnce = (
  issue: Issue<CacheableToken>,
  { controller, timers, issueTimeoutMs, vendor }: IssueOnceOptions,
): Promise<CacheableToken> =>
  new Promise((resolve, reject) => {
    const { signal } = controller;
    const cancel = timers.after(issueTimeoutMs, () => {
      const detail = `No token was issued within ${issueTimeoutMs} ms.`;
      controller.abort(new ValetKeyError('vendor_timeout', detail, { vendor, reason: 'issue_deadline' }));
    });
    const end = (settle: () => void): void => {
      cancel();
      signal.removeEventListener('abort', abort);
      settle();
    };
    const abort = (): void => end(() => reject(signal.reason));
    signal.addEventListener('abort', abort);
    // In a function of its own, so that an issue that throws before it promises fails like any other.
    const attempt = async (): Promise<CacheableToken> => issue({ signal });
    attempt().then(
      (token) => end(() => resolve(token)),
      (error: unknown) => end(() => reject(error)),
    );
  });
