import type { TokenCacheOptions } from '../../options.ts';
import type { TokenStore } from '../../store-types.ts';
import type { Timers } from '../../timers.ts';
import type { Clock } from '@valetkey/core-types';
import type { RecordStore } from '../../store-types.ts';
import { seededRandom } from './world.ts';

/** What one seed decides before anything runs. */
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

/** One deliberate mistake, to see that the invariants notice it. */
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
  /** Tokens are said to live longer than they do. */
  readonly lengthenLives?: boolean | undefined;
  /** Where the mistake shows often enough to be found in a few hundred seeds. */
  readonly scenario?: Partial<Scenario> | undefined;
}

export const createScenario = (seed: number): Scenario => {
  const random = seededRandom(seed ^ 0x5eed);
  const between = (least: number, most: number): number => least + (most - least) * random();
  const lifeSeconds = random() < 0.3 ? between(2, 6) : between(8, 25);
  return {
    seed,
    replicas: 1 + Math.floor(4 * random()),
    keys: 1 + Math.floor(2 * random()),
    trafficMs: 25_000,
    meanPauseMs: between(150, 900),
    lifeSeconds,
    refreshMarginSeconds: random() < 0.2 ? 0 : between(0.5, 6),
    // A vendor whose tokens are nearly over when they arrive helps nobody.
    vendorLatencyMs: Math.min(random() < 0.2 ? between(300, 700) : between(5, 150), lifeSeconds * 100),
    storeLatencyMs: between(0.5, 15),
    needSeconds: lifeSeconds * between(0.05, 0.4),
    vendorTroubles: random() < 0.5,
    storeTroubles: random() < 0.5,
    crashes: random() < 0.4,
    freezes: random() < 0.3,
    invalidations: random() < 0.3,
  };
};
