/**
 * A check that takes longer never runs on the thread of the event loop. Measured on an AMD EPYC: RSA of 2048 bits 23 µs, of 4096
 * bits 66 µs, of 8192 bits 234 µs (PSS up to twice as much), ES256 69 µs, Ed25519 110 µs, ES384 0.8 ms, ES512 1.8 ms.
 */
const maxCallerMicroseconds = 150;
/** The trip to the thread pool and back takes 30 to 60 µs. It pays once so much other work is under way. */
const maxSharedMicroseconds = 120;
/** The time that checks may hold the event loop before it serves others. */
const maxTurnMicroseconds = 1000;

/** The signatures that are being verified. A process has one load, which all its verifiers share. */
export interface VerificationLoad {
  /** Returns whether a check should run on the thread of its caller, and counts it there. The caller then verifies at once. */
  readonly admit: (microseconds: number) => boolean;
  /** Counts a check on the thread pool, until `end`. */
  readonly start: () => void;
  readonly end: () => void;
}

/**
 * Creates the counter that decides where signatures are verified: on the thread of the caller while few are under way, on the
 * thread pool when many are.
 *
 * A check on the caller's thread counts as under way until the caller has its result. Of many calls in one tick, only the
 * first ones therefore run on this thread, and the others use the other cores. Callers that arrive one by one, each in a
 * callback of its own, share the time of one turn of the event loop.
 */
export function createVerificationLoad(): VerificationLoad {
  const delivered = Promise.resolve();
  let underWay = 0;
  let turnMicroseconds = 0;
  const start = (): void => {
    underWay += 1;
  };
  const end = (): void => {
    underWay -= 1;
  };
  const beginTurn = (): void => {
    turnMicroseconds = 0;
  };
  return {
    admit: (microseconds) => {
      if (microseconds > maxCallerMicroseconds) return false;
      if (underWay > 0 && (underWay + 1) * microseconds > maxSharedMicroseconds) return false;
      if (turnMicroseconds + microseconds > maxTurnMicroseconds) return false;
      if (turnMicroseconds === 0) setImmediate(beginTurn);
      turnMicroseconds += microseconds;
      start();
      void delivered.then(end);
      return true;
    },
    start,
    end,
  };
}
