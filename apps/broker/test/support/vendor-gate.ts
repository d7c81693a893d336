import { once } from 'node:events';
import type { Fault, Sleep } from '@valetkey/sandbox';

/** A fault that holds a call at the gate. */
export const heldAtGate: Fault = { type: 'latency', delayMs: 1 };

/** Holds vendor calls until the test opens the gate. */
export interface VendorGate {
  /** For `createSandbox`: the fault {@link heldAtGate} then waits for the gate instead of a timer. */
  readonly sleep: Sleep;
  readonly open: () => void;
}

/** Creates a gate that is closed. */
export function createVendorGate(): VendorGate {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  return {
    sleep: async (_milliseconds, signal) => {
      if (!signal.aborted) await Promise.race([opened, once(signal, 'abort')]);
    },
    open,
  };
}
