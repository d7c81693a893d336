import { ValetKeyError } from '@valetkey/core-types';
import type { StoredFailure } from './store-types.ts';

/** The longest `Retry-After` that is honoured, in seconds. */
const maxRetryAfterSeconds = 3600;

/** A failure that callers are told again until `untilMs` (monotonic) instead of asking the vendor. */
export interface RememberedFailure {
  readonly error: unknown;
  readonly attempts: number;
  readonly untilMs: number;
}

/** How long a vendor is left alone after failures. */
export interface CooldownRules {
  readonly cooldownSeconds: number;
  readonly maxCooldownSeconds: number;
}

/** Milliseconds to leave the vendor alone after so many failures in a row: doubling, and never less than it asked for. */
export const cooldownMs = (error: unknown, attempts: number, rules: CooldownRules): number => {
  const backoffSeconds = Math.min(rules.cooldownSeconds * 2 ** (attempts - 1), rules.maxCooldownSeconds);
  const asked = ValetKeyError.isInstance(error) ? Number(error.retryAfterSeconds ?? 0) : 0;
  const askedSeconds = asked > 0 ? Math.min(asked, maxRetryAfterSeconds) : 0;
  return Math.max(backoffSeconds, askedSeconds) * 1000;
};

/** What a caller is told during the cool-down: the same failure, with the seconds that are left. */
export const recall = ({ error, untilMs }: RememberedFailure, nowMs: number): unknown => {
  if (!ValetKeyError.isInstance(error)) return error;
  const { code, message, remediation, advice, vendor, reason } = error;
  const retryAfterSeconds = Math.ceil((untilMs - nowMs) / 1000);
  return new ValetKeyError(code, message, { remediation, advice, vendor, reason, retryAfterSeconds });
};

/** A failure in words that may leave this process: what is not ours is not repeated. */
export const toStoredFailure = (error: unknown, vendor: string, attempts: number): StoredFailure => {
  if (!ValetKeyError.isInstance(error)) {
    return {
      code: 'vendor_unavailable',
      detail: 'No token could be issued.',
      vendor,
      reason: 'issue_failed',
      attempts,
    };
  }
  const { code, message, remediation, advice, reason } = error;
  return { code, detail: message, remediation, advice, vendor: error.vendor, reason, attempts };
};

export const fromStoredFailure = ({
  code,
  detail,
  remediation,
  advice,
  vendor,
  reason,
}: StoredFailure): ValetKeyError => new ValetKeyError(code, detail, { remediation, advice, vendor, reason });
