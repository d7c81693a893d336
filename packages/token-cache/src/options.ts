import type { Clock } from '@valetkey/core-types';
import { z } from 'zod';
import type { TokenCacheEvent } from './events.ts';
import type { TokenStore } from './store-types.ts';
import { systemTimers, type Timers } from './timers.ts';

/** How {@link createTokenCache} is set up. Everything has a default. */
export interface TokenCacheOptions {
  /** What replicas share. Absent: each process keeps its own tokens. */
  readonly store?: TokenStore | undefined;
  /** Keys kept in memory. Default 10,000. */
  readonly maxEntries?: number | undefined;
  /** Seconds before a token's end at which it is refreshed, at most half its life, give or take a tenth. Default 60. */
  readonly refreshMarginSeconds?: number | undefined;
  /** Seconds of life that an answered token has at the least. Default: 10, or a tenth of a life under 100 s. */
  readonly minRemainingSeconds?: number | undefined;
  /** Seconds of life of a token whose vendor did not say. Default 60. */
  readonly defaultLifetimeSeconds?: number | undefined;
  /** Seconds that a token is kept at the most, whatever its vendor said. Default 86,400 (a day). */
  readonly maxLifetimeSeconds?: number | undefined;
  /** Milliseconds that one issue may take. Default 10,000. */
  readonly issueTimeoutMs?: number | undefined;
  /** Seconds that the vendor is left alone after a first failure; doubles with each further one. Default 1. */
  readonly cooldownSeconds?: number | undefined;
  /** Seconds that the cool-down rises to. Default 30. */
  readonly maxCooldownSeconds?: number | undefined;
  /** Milliseconds that a replica's lease on a key lives unless renewed, which it is at each third. Default 3,000. */
  readonly leaseMs?: number | undefined;
  /** Milliseconds that a store which failed is left alone. Default 1,000. */
  readonly storeRetryMs?: number | undefined;
  /** Told of everything that happens: for logs and metrics. */
  readonly onEvent?: ((event: TokenCacheEvent) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly timers?: Timers | undefined;
  /** A number from 0 up to 1, by chance. */
  readonly random?: (() => number) | undefined;
}

const object = <Value>(...methods: readonly string[]) =>
  z.custom<Value>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((method) => typeof Reflect.get(value, method) === 'function'),
    { error: `must have the functions ${methods.join(', ')}` },
  );

const call = <Value>() => z.custom<Value>((value) => typeof value === 'function', { error: 'must be a function' });

const seconds = z.number().min(0).max(31_536_000);
const milliseconds = z.number().min(1).max(3_600_000);

// Bound here rather than looked up on each call: reading the clock is most of what a hit costs.
const readClock = (): Clock => ({ nowMs: () => Date.now(), monotonicMs: performance.now.bind(performance) });

const optionsSchema = z.strictObject({
  store: object<TokenStore>('read', 'write', 'remove', 'acquire', 'renew', 'release', 'coolDown', 'close').optional(),
  maxEntries: z.int().min(1).default(10_000),
  refreshMarginSeconds: seconds.default(60),
  minRemainingSeconds: seconds.optional(),
  defaultLifetimeSeconds: seconds.positive().default(60),
  maxLifetimeSeconds: seconds.positive().default(86_400),
  issueTimeoutMs: milliseconds.default(10_000),
  cooldownSeconds: seconds.positive().default(1),
  maxCooldownSeconds: seconds.positive().default(30),
  leaseMs: milliseconds.default(3000),
  storeRetryMs: milliseconds.default(1000),
  onEvent: call<(event: TokenCacheEvent) => void>().optional(),
  clock: object<Clock>('monotonicMs').default(readClock),
  timers: object<Timers>('after').default(systemTimers),
  random: call<() => number>().default(() => Math.random),
});

export type TokenCacheSettings = z.output<typeof optionsSchema>;

/** Throws a `TypeError` that names what is wrong. */
export const parseOptions = (options: TokenCacheOptions): TokenCacheSettings => {
  const parsed = optionsSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new TypeError(`The options of the token cache are wrong.\n${z.prettifyError(parsed.error)}`);
};
