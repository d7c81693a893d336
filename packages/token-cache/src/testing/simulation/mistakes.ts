import type { RecordStore, TokenStore } from '../../store-types.ts';
import type { Timers } from '../../timers.ts';
import { type Mistake, settings } from './scenario.ts';

const records =
  (change: (records: RecordStore) => Partial<RecordStore>) =>
  (sound: RecordStore): RecordStore => ({ ...sound, ...change(sound) });

const store =
  (change: (store: TokenStore) => Partial<TokenStore>) =>
  (sound: TokenStore): TokenStore => ({ ...sound, ...change(sound) });

const withoutTimersOf =
  (delayMs: number) =>
  (timers: Timers): Timers => ({
    after: (delay, callback) => (delay === delayMs ? () => undefined : timers.after(delay, callback)),
  });

/** The mistakes that others made, and some of our own: each must be noticed by the invariants. */
export const mistakes: Readonly<Record<string, Mistake>> = {
  'a lease that everybody gets': {
    store: store(() => ({ acquire: async () => ({ state: 'acquired', attempts: 0 }) })),
  },
  'a lease that others can release': {
    records: records((sound) => ({
      remove: async (id) => {
        const { value } = await sound.read(id);
        return value !== undefined && sound.remove(id, value);
      },
      add: async (id, value, lifetimeMs) => {
        // Whoever is turned away cleans up after himself, without a look at whose lease it is.
        const added = await sound.add(id, value, lifetimeMs);
        const held = added ? undefined : (await sound.read(id)).value;
        if (held !== undefined) await sound.remove(id, held);
        return added;
      },
    })),
  },
  'a lease that is never renewed': {
    store: store(() => ({ renew: async () => true })),
  },
  'no second look after the lease was acquired': {
    scenario: { replicas: 4, keys: 1, lifeSeconds: 4, refreshMarginSeconds: 0, meanPauseMs: 100, storeLatencyMs: 20 },
    store: (sound) => {
      let fresh = false;
      return {
        ...sound,
        acquire: async (...wish) => {
          const answer = await sound.acquire(...wish);
          fresh = answer.state === 'acquired';
          return answer;
        },
        read: async (key) => {
          const reading = await sound.read(key);
          if (!fresh) return reading;
          fresh = false;
          return { nowMs: reading.nowMs };
        },
      };
    },
  },
  'failures kept from other replicas': {
    store: store((sound) => ({ coolDown: (key, owner) => sound.release(key, owner) })),
  },
  'no cool-down': { options: { cooldownSeconds: 0.001, maxCooldownSeconds: 0.001 } },
  'deadlines by the wall clock': {
    clock: (clock) => ({ nowMs: clock.nowMs, monotonicMs: clock.nowMs }),
  },
  'no deadline for an issue': { timers: withoutTimersOf(settings.issueTimeoutMs) },
  'no deadline for the store': { store: store(() => ({ timeoutMs: 3_000_000 })) },
  'a life in the store that counts from the writing': {
    records: records((sound) => ({ write: (id, value, expiresAtMs) => sound.write(id, value, expiresAtMs + 1000) })),
    store: store((sound) => ({
      read: async (key) => {
        const { nowMs, stored } = await sound.read(key);
        return { nowMs, stored: stored && { ...stored, expiresAtMs: stored.expiresAtMs + 1000 } };
      },
    })),
  },
  'an answer of the store that is thought to be new when it is old': {
    store: store((sound) => {
      let last: Awaited<ReturnType<TokenStore['read']>> | undefined;
      return { read: async (key) => (last ??= await sound.read(key)) };
    }),
  },
  'lives taken for longer than they are': { lengthenLives: true },
  'needs that are not passed on': { forgetNeeds: true },
  'callers that do not find each other': { splitKeys: true },
  'an abort that ends the issue of others': { shareAborts: true },
};
