import { type Clock, describeSchemaProblems } from '@valetkey/core-types';
import { z } from 'zod';
import { systemTimers, type Timers } from '../renewal/timers.ts';
import { objectWithFunctions } from '../stores/object-schema.ts';
import type { TokenStore } from '../stores/store-types.ts';
import type { TokenCacheEvent } from './events.ts';

const secondsSchema = z.number().min(0).max(31_536_000);
const millisecondsSchema = z.number().min(1).max(3_600_000);

const storeFunctions = ['read', 'write', 'remove', 'acquire', 'renew', 'release', 'coolDown', 'close'];

/** Bound once instead of looked up on each call: reading the clock is most of what a hit costs. */
function createSystemClock(): Clock {
  return { nowMs: () => Date.now(), monotonicMs: performance.now.bind(performance) };
}

function functionSchema<Value>() {
  return z.custom<Value>((value) => typeof value === 'function', { error: 'must be a function' });
}

export const tokenCacheOptionsSchema = z.strictObject({
  store: objectWithFunctions<TokenStore>(storeFunctions)
    .optional()
    .describe('The store that replicas share. Absent: each process keeps its own tokens.'),
  maxEntries: z.int().min(1).default(10_000).describe('The number of keys that are kept in memory.'),
  refreshMarginSeconds: secondsSchema
    .default(60)
    .describe(
      'Seconds before its expiry at which a token is refreshed. Limited to half its life, and changed at random by up to a tenth.',
    ),
  minRemainingSeconds: secondsSchema
    .optional()
    .describe(
      'Seconds of life that a returned token still has. Absent: 10, or a tenth of a life shorter than 100 s. A `get` may ask for more or less.',
    ),
  defaultLifetimeSeconds: secondsSchema
    .positive()
    .default(60)
    .describe('Seconds of life of a token whose vendor names none.'),
  maxLifetimeSeconds: secondsSchema
    .positive()
    .default(86_400)
    .describe('Seconds that every life is limited to, whatever the vendor says.'),
  issueTimeoutMs: millisecondsSchema.default(10_000).describe('Milliseconds that one call to the vendor may take.'),
  cooldownSeconds: secondsSchema
    .positive()
    .default(1)
    .describe(
      'Seconds during which a vendor is not called after its first failure. Doubles with each further failure.',
    ),
  maxCooldownSeconds: secondsSchema.positive().default(30).describe('Seconds up to which the cool-down doubles.'),
  leaseMs: millisecondsSchema
    .default(3000)
    .describe(
      'Milliseconds that the lease of a replica on a key lives unless it is renewed, which happens at each third: how long a dead replica can hold a key up.',
    ),
  storeRetryMs: millisecondsSchema
    .default(1000)
    .describe('Milliseconds during which a store that failed is not called.'),
  onEvent: functionSchema<(event: TokenCacheEvent) => void>()
    .optional()
    .describe('Receives every event, for logs and metrics.'),
  clock: objectWithFunctions<Clock>(['monotonicMs'])
    .default(createSystemClock)
    .describe('The source of time, for tests. Default: the clock of this machine.'),
  timers: objectWithFunctions<Timers>(['after'])
    .default(systemTimers)
    .describe('The source of waiting, for tests. Default: the timers of this process.'),
  random: functionSchema<() => number>()
    .default(() => Math.random)
    .describe('Returns a random number from 0 up to 1, for tests. Default: `Math.random`.'),
});

/** The options of `createTokenCache`. Every option has a default. */
export type TokenCacheOptions = z.input<typeof tokenCacheOptionsSchema>;

/** The options with their defaults filled in. */
export type TokenCacheSettings = z.output<typeof tokenCacheOptionsSchema>;

/** Throws a `TypeError` that names every invalid option. */
export function parseTokenCacheOptions(options: TokenCacheOptions): TokenCacheSettings {
  const { data, error } = tokenCacheOptionsSchema.safeParse(options);
  if (error === undefined) return data;
  throw new TypeError(`The options of the token cache are invalid: ${describeSchemaProblems(error)}`);
}
