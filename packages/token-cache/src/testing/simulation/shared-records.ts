import { createMemoryRecords } from '../../memory-records.ts';
import type { RecordStore } from '../../store-types.ts';
import type { Replica } from './replica.ts';
import type { World } from './world.ts';

/** What may be wrong with the store: refusing, silent, late, or not to be written to. */
export type StoreTrouble = 'refused' | 'silent' | 'stalled' | 'read-only';

/** The one store of a simulated deployment, with its troubles. */
export interface SharedRecords {
  /** The store as one replica sees it: over a network, and possibly cut off from it. */
  readonly connect: (replica: Replica) => RecordStore;
  readonly trouble: (kind: StoreTrouble, durationMs: number) => void;
  readonly flush: () => void;
  /** Puts foreign bytes over what lies there. */
  readonly spoil: () => void;
}

const foreignBytes = ['', '{"token":"x"}', 'owner:', 'v1.key.AAAA', '\u0000\uFFFF', 'v1..', 'owner:a b'];

export const createSharedRecords = (world: World, latencyMs: number): SharedRecords => {
  // The store's clock is its own: nothing may depend on its being like anybody else's.
  const clockZeroMs = world.between(1, 2_000_000_000_000);
  const ids = new Set<string>();
  let records = createMemoryRecords(() => world.nowMs() + clockZeroMs);
  let trouble: StoreTrouble | undefined;
  let troubleEndsAtMs = 0;

  const connect = (replica: Replica): RecordStore => {
    const call = <Answer>(writes: boolean, apply: () => Promise<Answer>): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const travelMs = (): number => latencyMs * (0.5 + world.random());
        const answer = (settle: () => void): void => void world.after(travelMs(), () => replica.deliver(settle));
        const arrive = (): void => {
          if (trouble === 'stalled') {
            // The server works through what it got meanwhile: late, but not less.
            world.after(troubleEndsAtMs - world.nowMs() + 1, arrive);
          } else if (trouble === 'refused' || (trouble === 'read-only' && writes)) {
            answer(() => reject(new Error('READONLY simulated')));
          } else if (trouble === undefined || trouble === 'read-only') {
            apply().then((value) => answer(() => resolve(value)), reject);
          }
        };
        // What was sent arrives, even if its sender dies on the way.
        world.after(travelMs(), arrive);
      });
    return {
      read: (id) => call(false, () => records.read(id)),
      write: (id, value, expiresAtMs) => {
        ids.add(id);
        return call(true, () => records.write(id, value, expiresAtMs));
      },
      add: (id, value, lifetimeMs) => {
        ids.add(id);
        return call(true, () => records.add(id, value, lifetimeMs));
      },
      replace: (id, expected, value, lifetimeMs) => call(true, () => records.replace(id, expected, value, lifetimeMs)),
      remove: (id, expected) => call(true, () => records.remove(id, expected)),
      close: async () => undefined,
    };
  };

  return {
    connect,
    trouble: (kind, durationMs) => {
      if (trouble !== undefined) return;
      trouble = kind;
      troubleEndsAtMs = world.nowMs() + durationMs;
      world.after(durationMs, () => {
        trouble = undefined;
      });
    },
    flush: () => {
      records = createMemoryRecords(() => world.nowMs() + clockZeroMs);
    },
    spoil: () => {
      for (const id of ids) {
        const bytes = foreignBytes[Math.floor(world.random() * foreignBytes.length)] ?? '';
        void records.write(
          id,
          bytes,
          world.chance(0.5) ? Number.POSITIVE_INFINITY : world.nowMs() + clockZeroMs + 5000,
        );
      }
    },
  };
};
