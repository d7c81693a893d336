import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

/** The place of one call. */
export interface Place {
  /** Milliseconds for which the call had to wait for those before it, who had all the connections. */
  readonly waitedMs: () => number;
  readonly leave: () => void;
}

/** Bounds how many calls to a vendor are under way at once, so that a hung one holds no more than its share. */
export interface Bulkhead {
  /** Takes a place. Throws `overloaded` at once where there is none. */
  readonly enter: () => Place;
}

interface BulkheadOptions {
  readonly vendor: VendorName;
  readonly clock: Clock;
  /** Calls under way at the most. */
  readonly places: number;
  /** How many of them are on the wire: first come, first served. */
  readonly connections: number;
}

/** Makes an empty bulkhead. */
export function createBulkhead({ vendor, clock, places, connections }: BulkheadOptions): Bulkhead {
  /** Those who wait, each with what ends its wait. */
  const waiting = new Map<Place, () => void>();
  let connected = 0;

  const connectNext = (): void => {
    const [next] = waiting;
    if (next === undefined) {
      connected -= 1;
      return;
    }
    const [place, endWait] = next;
    waiting.delete(place);
    endWait();
  };

  return {
    enter() {
      if (connected + waiting.size >= places) {
        throw overloadedError(vendor, `Too many calls to ${vendor.title} are under way.`, 'bulkhead');
      }
      const enteredAtMs = clock.monotonicMs();
      let waitEndedAtMs: number | undefined;
      let left = false;
      const endWait = (): void => {
        waitEndedAtMs = clock.monotonicMs();
      };
      const place: Place = {
        waitedMs: () => (waitEndedAtMs ?? clock.monotonicMs()) - enteredAtMs,
        leave() {
          if (left) return;
          left = true;
          if (waiting.delete(place)) endWait();
          else connectNext();
        },
      };
      if (connected < connections) {
        connected += 1;
        waitEndedAtMs = enteredAtMs;
      } else {
        waiting.set(place, endWait);
      }
      return place;
    },
  };
}

/** The time of a call went by while others had the connections: that says nothing of the vendor. */
export function waitedInVainError(vendor: VendorName): ValetKeyError {
  return overloadedError(vendor, `No connection to ${vendor.title} became free in time.`, 'no_connection');
}

function overloadedError({ id }: VendorName, detail: string, reason: string): ValetKeyError {
  return new ValetKeyError('overloaded', detail, { vendor: id, reason, retryAfterSeconds: 1 });
}
