import type { RecordStore } from './store-types.ts';

interface HeldRecord {
  readonly value: string;
  readonly expiresAtMs: number;
}

/**
 * Creates a record store in the memory of this process. It is the shortest store that passes the conformance suite: use
 * it in tests and as a model for your own.
 *
 * @param nowMs Returns the time of the store's clock, in milliseconds. Default: the monotonic clock of this process.
 *
 * @example
 * ```ts
 * import { createMemoryRecords } from '@valetkey/token-cache/conformance';
 *
 * const records = createMemoryRecords();
 * console.log(await records.add('id', 'value', 60_000)); // true
 * ```
 */
export function createMemoryRecords(nowMs: () => number = () => performance.now()): RecordStore {
  const held = new Map<string, HeldRecord>();

  function find(id: string): HeldRecord | undefined {
    const record = held.get(id);
    if (record === undefined || record.expiresAtMs > nowMs()) return record;
    held.delete(id);
    return undefined;
  }

  return {
    read: async (id) => ({ nowMs: nowMs(), ...find(id) }),
    write: async (id, value, expiresAtMs) => {
      held.set(id, { value, expiresAtMs });
    },
    add: async (id, value, lifetimeMs) => {
      if (find(id) !== undefined) return false;
      held.set(id, { value, expiresAtMs: nowMs() + lifetimeMs });
      return true;
    },
    replace: async (id, expected, value, lifetimeMs) => {
      if (find(id)?.value !== expected) return false;
      held.set(id, { value, expiresAtMs: nowMs() + lifetimeMs });
      return true;
    },
    remove: async (id, expected) => find(id)?.value === expected && held.delete(id),
    close: async () => undefined,
  };
}
