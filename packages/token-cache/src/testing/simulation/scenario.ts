import type { Clock } from '@valetkey/core-types';
import type { TokenCacheOptions } from '../../cache/token-cache-options.ts';
import type { Timers } from '../../renewal/timers.ts';
import type { RecordStore, TokenStore } from '../../stores/store-types.ts';
import { seededRandom } from './world.ts';

/** The conditions of one simulation. A seed determines them. */
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
  /** The minimum life that some callers ask for, in seconds. */
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

/** A deliberate mistake in the cache or around it. The invariants must notice it. */
export interface Mistake {
  readonly records?: ((records: RecordStore) => RecordStore) | undefined;
  readonly store?: ((store: TokenStore) => TokenStore) | undefined;
  readonly clock?: ((clock: Clock) => Clock) | undefined;
  readonly timers?: ((timers: Timers) => Timers) | undefined;
  readonly options?: TokenCacheOptions | undefined;
  /** The minimum life that a caller asks for is not passed on to the cache. */
  readonly forgetNeeds?: boolean | undefined;
  /** Each get has a key of its own, so callers cannot share a renewal. */
  readonly splitKeys?: boolean | undefined;
  /** If a caller aborts, the call to the vendor ends, although other callers wait for it. */
  readonly shareAborts?: boolean | undefined;
  /** Tokens claim a longer life than they have. */
  readonly lengthenLives?: boolean | undefined;
  /** Conditions under which the invariants notice the mistake within a few hundred seeds. */
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
