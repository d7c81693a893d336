import type { Clock } from '@valetkey/core-types';
import type { CooldownRules } from './failure.ts';
import type { LifetimeRules } from './lifetime.ts';
import type { Timers } from './timers.ts';

/** The settings of a cache that its renewals use. */
export interface RenewalSettings extends CooldownRules, LifetimeRules {
  readonly refreshMarginSeconds: number;
  readonly minRemainingSeconds?: number | undefined;
  readonly issueTimeoutMs: number;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Returns a random number from 0 up to 1. */
  readonly random: () => number;
}
