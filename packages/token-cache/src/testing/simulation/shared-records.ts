import { createMemoryRecords } from '../../stores/memory-records.ts';
import type { RecordStore } from '../../stores/store-types.ts';
import type { Replica } from './replica.ts';
import type { World } from './world.ts';

/** A fault of the store: it refuses calls (`refused`), never responds (`silent`), responds late, or refuses writes. */
export type StoreTrouble = 'refused' | 'silent' | 'stalled' | 'read-only';

/** The store of a simulated deployment, and the faults that it can have. */
export interface SharedRecords {
  /** Returns the store as a replica sees it: each call takes time, and a response is a delivery to the replica. */
  readonly connect: (replica: Replica) => RecordStore;
  readonly trouble: (kind: StoreTrouble, durationMs: number) => void;
  readonly flush: () => void;
  /** Overwrites every record with foreign bytes. */
  readonly spoil: () => void;
}

const foreignBytes = ['', '{"token":"x"}', 'owner:', 'v1.key.AAAA', '\u0000\uFFFF', 'v1..', 'owner:a b'];

export function createSharedRecords(world: World, latencyMs: number): SharedRecords {
  // The clock of the store is not related to the clock of any replica.
  const clockZeroMs = world.between(1, 2_000_000_000_000);
  const ids = new Set<string>();
  let records = createMemoryRecords(() => world.nowMs() + clockZeroMs);
  let trouble: StoreTrouble | undefined;
  let troubleEndsAtMs = 0;

  function connect(replica: Replica): RecordStore {
    function call<Result>(writes: boolean, apply: () => Promise<Result>): Promise<Result> {
      return new Promise((resolve, reject) => {
        const travelMs = (): number => latencyMs * (0.5 + world.random());
        const respond = (settle: () => void): void => void world.after(travelMs(), () => replica.deliver(settle));
        const arrive = (): void => {
          if (trouble === 'stalled') {
            // When the stall ends, the server handles every call that arrived meanwhile.
            world.after(troubleEndsAtMs - world.nowMs() + 1, arrive);
          } else if (trouble === 'refused' || (trouble === 'read-only' && writes)) {
            respond(() => reject(Object.assign(new Error('Simulated.'), { code: 'READONLY' })));
          } else if (trouble === undefined || trouble === 'read-only') {
            apply().then((value) => respond(() => resolve(value)), reject);
          }
        };
        // A call arrives even if the replica that sent it has crashed meanwhile.
        world.after(travelMs(), arrive);
      });
    }

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
  }

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
}
