import { callSafely } from '../call-safely.ts';
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
  let shownId: string | undefined;
  return {
    current: () => state,
    show: (record, reason) => {
      const status = record === undefined ? 'signed_out' : record.isPending ? 'reauthentication_required' : 'signed_in';
      if (state.status === status && shownId === record?.id) return;
      shownId = record?.id;
      state = Object.freeze({ status, reason, details: Object.freeze({ ...record?.details }) });
      for (const listener of listeners) callSafely(listener, state);
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
