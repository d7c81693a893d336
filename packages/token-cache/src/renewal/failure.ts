import { type TokenKey, ValetKeyError } from '@valetkey/core-types';
import type { StoredFailure } from '../stores/store-types.ts';

/** The longest `Retry-After` that the cache obeys, in seconds. */
const maxRetryAfterSeconds = 3600;

/** A failure that callers receive again until `untilMs` (monotonic). Until then, the cache does not call the vendor. */
export interface RememberedFailure {
  readonly error: unknown;
  /** How many times in a row the vendor failed. */
  readonly attempts: number;
  readonly untilMs: number;
}

/** How long the cache does not call a vendor after failures. */
export interface CooldownRules {
  readonly cooldownSeconds: number;
  readonly maxCooldownSeconds: number;
}

/**
 * Returns the milliseconds for which the cache does not call the vendor after this many failures in a row. The time
 * doubles with each failure, up to the maximum, and is never shorter than the vendor's own `Retry-After`.
 */
export function cooldownMs(error: unknown, attempts: number, rules: CooldownRules): number {
  const backoffSeconds = Math.min(rules.cooldownSeconds * 2 ** (attempts - 1), rules.maxCooldownSeconds);
  const retryAfterSeconds = ValetKeyError.isInstance(error) ? Number(error.retryAfterSeconds ?? 0) : 0;
  const obeyedSeconds = retryAfterSeconds > 0 ? Math.min(retryAfterSeconds, maxRetryAfterSeconds) : 0;
  return Math.max(backoffSeconds, obeyedSeconds) * 1000;
}

/** Returns the error that a caller receives during the cool-down: the same failure, with the seconds that remain. */
export function toCooldownError({ error, untilMs }: RememberedFailure, nowMs: number): unknown {
  if (!ValetKeyError.isInstance(error)) return error;
  const { code, message, remediation, advice, vendor, reason, cause } = error;
  const retryAfterSeconds = Math.ceil((untilMs - nowMs) / 1000);
  return new ValetKeyError(code, message, { remediation, advice, vendor, reason, cause, retryAfterSeconds });
}

/**
 * Returns the failure for other replicas. An error that is not a `ValetKeyError` loses its text, which may quote a
 * secret.
 */
export function toStoredFailure(error: unknown, vendor: string, attempts: number): StoredFailure {
  if (!ValetKeyError.isInstance(error)) {
    const detail = 'No token could be issued.';
    return { code: 'vendor_unavailable', detail, vendor, reason: 'issue_failed', attempts };
  }
  const { code, message, remediation, advice, reason, cause } = error;
  return { code, detail: message, remediation, advice, vendor: error.vendor, reason, cause, attempts };
}

/** Returns the error of a failure that another replica stored. */
export function toError(failure: StoredFailure): ValetKeyError {
  const { code, detail, remediation, advice, vendor, reason, cause } = failure;
  return new ValetKeyError(code, detail, { remediation, advice, vendor, reason, cause });
}

/** Returns the error that calls receive after the cache was closed. */
export function closedError({ vendor }: TokenKey): ValetKeyError {
  return new ValetKeyError('overloaded', 'The token cache is closed.', { vendor, reason: 'closed' });
}
