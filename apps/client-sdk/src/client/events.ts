import type { ValetErrorCode } from '../errors/valet-error.ts';

/** The event that `onEvent` receives after a call. It contains no token, path or parameter. */
export interface ValetEvent {
  readonly operation: 'issue' | 'proxy' | 'session';
  readonly vendor?: string | undefined;
  /** `ok`, or the code of the error that the call rejected with. */
  readonly outcome: 'ok' | ValetErrorCode;
  readonly durationMs: number;
  readonly requestId?: string | undefined;
}
