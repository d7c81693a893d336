import type { ValetErrorCode } from './valet-error.ts';

/** One finished call, as `onEvent` is told. It holds no token, no path and no parameter. */
export interface ValetEvent {
  readonly operation: 'issue' | 'proxy' | 'session';
  readonly vendor?: string | undefined;
  /** `ok`, or the code of the error that the call ended with. */
  readonly outcome: 'ok' | ValetErrorCode;
  readonly durationMs: number;
  readonly requestId?: string | undefined;
}
