import { type CacheableToken, ValetKeyError } from '@valetkey/core-types';
import type { Timers } from './timers.ts';

/** Asks the vendor for a token. The signal ends when the cache no longer wants it. */
export type Issue<Token extends CacheableToken> = (options: { readonly signal: AbortSignal }) => Promise<Token>;

export interface IssueOnceOptions {
  /** Any of these ends the wait. */
  readonly signals: readonly AbortSignal[];
  readonly timers: Timers;
  readonly issueTimeoutMs: number;
  readonly vendor: string;
}

/** One issue with a deadline: it ends when the deadline or a signal does, even if what it called never answers. */
export const issueOnce = async (
  issue: Issue<CacheableToken>,
  { signals, timers, issueTimeoutMs, vendor }: IssueOnceOptions,
): Promise<CacheableToken> => {
  const deadline = new AbortController();
  const cancel = timers.after(issueTimeoutMs, () => {
    const detail = `No token was issued within ${issueTimeoutMs} ms.`;
    deadline.abort(new ValetKeyError('vendor_timeout', detail, { vendor, reason: 'issue_deadline' }));
  });
  const signal = AbortSignal.any([deadline.signal, ...signals]);
  let end: () => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    end = () => reject(signal.reason);
    signal.addEventListener('abort', end);
  });
  // In a function of its own, so that an issue that throws before it promises fails like any other.
  const attempt = async (): Promise<CacheableToken> => issue({ signal });
  try {
    return await Promise.race([attempt(), ended]);
  } finally {
    cancel();
    signal.removeEventListener('abort', end);
  }
};
