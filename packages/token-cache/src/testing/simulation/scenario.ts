import type { Clock } from '@valetkey/core-types';
import type { TokenCacheOptions } from '../../cache/token-cache-options.ts';
import type { Timers } from '../../renewal/timers.ts';
import type { RecordStore, TokenStore } from '../../stores/store-types.ts';
import { seededRandom } from './world.ts';

/** What a seed decides before the simulation runs. */
export interface Scenario {
  readonly seed: number;
  readonly replicas: number;
  readonly keys: number;
  readonly trafficMs: number;
  readonly meanPauseMs: number;
  readonly lifeSeconds: number;
  readonly refreshMarginSeconds: number;
  readonly vendorLatencyMs: number;
  readonly storeLatencyMs: number;
  /** The life that some callers ask for, in seconds. */
  readonly needSeconds: number;
  readonly vendorTroubles: boolean;
  readonly storeTroubles: boolean;
  readonly crashes: boolean;
  readonly freezes: boolean;
  readonly invalidations: boolean;
}

export const settings = {
  issueTimeoutMs: 3000,
  leaseMs: 900,
  cooldownSeconds: 1,
  maxCooldownSeconds: 30,
  storeRetryMs: 1000,
  maxEntries: 8,
} as const satisfies TokenCacheOptions;

export const storeTimeoutMs = 250;

/** One deliberate mistake that the invariants must notice. */
export interface Mistake {
  readonly records?: ((records: RecordStore) => RecordStore) | undefined;
  readonly store?: ((store: TokenStore) => TokenStore) | undefined;
  readonly clock?: ((clock: Clock) => Clock) | undefined;
  readonly timers?: ((timers: Timers) => Timers) | undefined;
  readonly options?: TokenCacheOptions | undefined;
  /** Callers' needs are not passed on. */
  readonly forgetNeeds?: boolean | undefined;
  /** Callers of one key do not find each other. */
  readonly splitKeys?: boolean | undefined;
  /** A caller's abort ends the issue that others wait for. */
  readonly shareAborts?: boolean | undefined;
  /** Tokens claim a longer life than they have. */
  readonly lengthenLives?: boolean | undefined;
  /** The conditions under which a few hundred seeds suffice to show the mistake. */
  readonly scenario?: Partial<Scenario> | undefined;
}

export function createScenario(seed: number): Scenario {
  const random = seededRandom(seed ^ 0x5eed);
  const between = (min: number, max: number): number => min + (max - min) * random();
  const lifeSeconds = random() < 0.3 ? between(2, 6) : between(8, 25);
  return {
    seed,
    replicas: 1 + Math.floor(4 * random()),
    keys: 1 + Math.floor(2 * random()),
    trafficMs: 25_000,
    meanPauseMs: between(150, 900),
    lifeSeconds,
    refreshMarginSeconds: random() < 0.2 ? 0 : between(0.5, 6),
    // Tokens that have nearly expired when they arrive would be useless to every caller.
    vendorLatencyMs: Math.min(random() < 0.2 ? between(300, 700) : between(5, 150), lifeSeconds * 100),
    storeLatencyMs: between(0.5, 15),
    needSeconds: lifeSeconds * between(0.05, 0.4),
    vendorTroubles: random() < 0.5,
    storeTroubles: random() < 0.5,
    crashes: random() < 0.4,
    freezes: random() < 0.3,
    invalidations: random() < 0.3,
  };
}
