import type { Timers } from '../../renewal/timers.ts';
import type { RecordStore, TokenStore } from '../../stores/store-types.ts';
import { type Mistake, settings } from './scenario.ts';

function records(change: (records: RecordStore) => Partial<RecordStore>) {
  return (sound: RecordStore): RecordStore => ({ ...sound, ...change(sound) });
}

function store(change: (store: TokenStore) => Partial<TokenStore>) {
  return (sound: TokenStore): TokenStore => ({ ...sound, ...change(sound) });
}

function withoutTimersOf(delayMs: number) {
  return (timers: Timers): Timers => ({
    after: (delay, callback) => (delay === delayMs ? () => undefined : timers.after(delay, callback)),
  });
}

/** Mistakes that caches really made: other caches, or earlier versions of this one. The invariants must notice each. */
export const mistakes: Readonly<Record<string, Mistake>> = {
  'a lease that every replica acquires': {
    store: store(() => ({ acquire: async () => ({ state: 'acquired', attempts: 0 }) })),
  },
  'a lease that other replicas can release': {
    records: records((sound) => ({
      remove: async (id) => {
        const { value } = await sound.read(id);
        return value !== undefined && sound.remove(id, value);
      },
      add: async (id, value, lifetimeMs) => {
        // A replica that did not get the lease removes it, although another replica owns it.
        const added = await sound.add(id, value, lifetimeMs);
        const held = added ? undefined : (await sound.read(id)).value;
        if (held !== undefined) await sound.remove(id, held);
        return added;
      },
    })),
  },
  'a lease that is never extended': {
    store: store(() => ({ extend: async () => true })),
  },
  'no second read after the lease was acquired': {
    scenario: { replicas: 4, keys: 1, lifeSeconds: 4, refreshMarginSeconds: 0, meanPauseMs: 100, storeLatencyMs: 20 },
    store: (sound) => {
      let fresh = false;
      return {
        ...sound,
        acquire: async (...request) => {
          const lease = await sound.acquire(...request);
          fresh = lease.state === 'acquired';
          return lease;
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
  'failures that other replicas do not receive': {
    store: store((sound) => ({ coolDown: (key, owner) => sound.release(key, owner) })),
  },
  'no cool-down': { options: { cooldownSeconds: 0.001, maxCooldownSeconds: 0.001 } },
  'deadlines by the wall clock': {
    clock: (clock) => ({ nowMs: clock.nowMs, monotonicMs: clock.nowMs }),
  },
  'no deadline for the vendor': { timers: withoutTimersOf(settings.issueTimeoutMs) },
  'no deadline for the store': { store: store(() => ({ timeoutMs: 3_000_000 })) },
  'a life that counts from a later moment than the call to the vendor': {
    records: records((sound) => ({ write: (id, value, expiresAtMs) => sound.write(id, value, expiresAtMs + 1000) })),
    store: store((sound) => ({
      read: async (key) => {
        const { nowMs, stored } = await sound.read(key);
        return { nowMs, stored: stored && { ...stored, expiresAtMs: stored.expiresAtMs + 1000 } };
      },
    })),
  },
  'a reading of the store that is never repeated': {
    store: store((sound) => {
      let last: Awaited<ReturnType<TokenStore['read']>> | undefined;
      return { read: async (key) => (last ??= await sound.read(key)) };
    }),
  },
  'tokens that are kept after they expired': { lengthenLives: true },
  'a caller whose minimum life is ignored': { forgetNeeds: true },
  'callers who do not share a renewal': { splitKeys: true },
  'an abort that ends the renewal of other callers': { shareAborts: true },
};
