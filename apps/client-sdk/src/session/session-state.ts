import { callSafely } from '../calls/call-safely.ts';
import type { SessionRecord } from './session-record.ts';
import type { SessionReason, SessionState } from './session-types.ts';

/** The state that the app sees. */
export interface ShownState {
  readonly current: () => SessionState;
  /** Shows what the session has become. Listeners learn of changes alone. */
  readonly show: (record: SessionRecord | undefined, reason: SessionReason) => void;
  readonly onChange: (listener: (state: SessionState) => void) => () => void;
}

export function createShownState(): ShownState {
  const listeners = new Set<(state: SessionState) => void>();
  let state: SessionState = Object.freeze({ status: 'unknown', reason: 'start', details: Object.freeze({}) });
  let lastShown: string | undefined;
  return {
    current: () => state,
    show: (record, reason) => {
      const status = record === undefined ? 'signed_out' : record.isPending ? 'reauthentication_required' : 'signed_in';
      const shown = JSON.stringify([status, record?.id, record?.details]);
      if (shown === lastShown) return;
      lastShown = shown;
      const next: SessionState = Object.freeze({ status, reason, details: Object.freeze({ ...record?.details }) });
      state = next;
      for (const listener of Array.from(listeners)) {
        // A listener before this one may have changed the state, or removed this one.
        if (state === next && listeners.has(listener)) callSafely(listener, next);
      }
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
