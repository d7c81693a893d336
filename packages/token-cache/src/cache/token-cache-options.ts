import { type Clock, describeSchemaProblems } from '@valetkey/core-types';
import { z } from 'zod';
import { systemTimers, type Timers } from '../renewal/timers.ts';
import { objectWithFunctions } from '../stores/object-schema.ts';
import type { TokenStore } from '../stores/store-types.ts';
import type { TokenCacheEvent } from './events.ts';

const secondsSchema = z.number().min(0).max(31_536_000);
const millisecondsSchema = z.number().min(1).max(3_600_000);

const storeFunctions = ['read', 'write', 'remove', 'acquire', 'extend', 'release', 'coolDown', 'close'];

/**
 * `performance.now` is bound once: reading the clock is the slowest part of a hit, and a lookup would make it slower.
 */
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
  maxEntries: z
    .int()
    .min(1)
    .default(10_000)
    .describe('The maximum number of keys whose tokens the cache keeps in memory.'),
  refreshMarginSeconds: secondsSchema
    .default(60)
    .describe(
      'The seconds between the renewal of a token and its expiry. The cache uses at most half of the life of the token, and changes the time at random by up to a tenth.',
    ),
  minRemainingSeconds: secondsSchema
    .optional()
    .describe(
      'The minimum number of seconds for which a returned token is still valid. A `get` may ask for more or less. Absent: 10, or a tenth of the life of a token that lives for less than 100 seconds.',
    ),
  defaultLifetimeSeconds: secondsSchema
    .positive()
    .default(60)
    .describe('The life of a token, in seconds, if the vendor does not say how long it lives.'),
  maxLifetimeSeconds: secondsSchema
    .positive()
    .default(86_400)
    .describe('The longest life of a token in the cache, in seconds, even if the vendor says more.'),
  issueTimeoutMs: millisecondsSchema.default(10_000).describe('The milliseconds that one call to the vendor may take.'),
  cooldownSeconds: secondsSchema
    .positive()
    .default(1)
    .describe(
      'The seconds for which the cache does not call a vendor after its first failure. The time doubles with each further failure.',
    ),
  maxCooldownSeconds: secondsSchema
    .positive()
    .default(30)
    .describe(
      'The longest time, in seconds, for which the cache does not call a vendor after a failure. Only a `Retry-After` of the vendor can be longer.',
    ),
  leaseMs: millisecondsSchema
    .default(3000)
    .describe(
      'The milliseconds that a lease lives if its replica does not extend it: the longest time for which a crashed replica blocks a key. A working replica extends its lease at each third of that time.',
    ),
  storeRetryMs: millisecondsSchema
    .default(1000)
    .describe('The milliseconds for which the cache does not call a store that failed.'),
  onEvent: functionSchema<(event: TokenCacheEvent) => void>()
    .optional()
    .describe('Receives every event, for logs and metrics.'),
  clock: objectWithFunctions<Clock>(['monotonicMs'])
    .default(createSystemClock)
    .describe('The clock, which tests can replace. Default: the clock of this machine.'),
  timers: objectWithFunctions<Timers>(['after'])
    .default(systemTimers)
    .describe('The timers, which tests can replace. Default: the timers of this process.'),
  random: functionSchema<() => number>()
    .default(() => Math.random)
    .describe('Returns a random number from 0 up to 1. Tests can replace it. Default: `Math.random`.'),
});

/** The options of `createTokenCache`. Every option has a default. */
export type TokenCacheOptions = z.input<typeof tokenCacheOptionsSchema>;

/** The options after validation, with their defaults filled in. */
export type ParsedTokenCacheOptions = z.output<typeof tokenCacheOptionsSchema>;

/** Throws a `TypeError` that names every invalid option. */
export function parseTokenCacheOptions(options: TokenCacheOptions): ParsedTokenCacheOptions {
  const { data, error } = tokenCacheOptionsSchema.safeParse(options);
  if (error === undefined) return data;
  throw new TypeError(
    `The options of the token cache are invalid: ${describeSchemaProblems(error, tokenCacheOptionsSchema)}`,
  );
}
