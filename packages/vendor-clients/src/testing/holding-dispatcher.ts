import { Dispatcher } from 'undici';

/** A call that was sent and to which the test may respond. */
export interface HeldCall {
  /** Responds with status 200 and an empty body. */
  readonly respond: () => void;
}

/** Carries calls to no network: every call is held until the test responds to it or the door aborts it. */
export class HoldingDispatcher extends Dispatcher {
  /** The calls that are held, in the order in which they were sent. */
  readonly held = new Set<HeldCall>();

  override dispatch(_options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const call: HeldCall = {
      respond: () => {
        this.held.delete(call);
        handler.onResponseStart?.(controller, 200, {});
        handler.onResponseEnd?.(controller, {});
      },
    };
    const controller: Dispatcher.DispatchController = {
      aborted: false,
      paused: false,
      reason: null,
      rawHeaders: [],
      rawTrailers: [],
      pause: () => undefined,
      resume: () => undefined,
      abort: (reason) => {
        this.held.delete(call);
        handler.onResponseError?.(controller, reason);
      },
    };
    this.held.add(call);
    handler.onRequestStart?.(controller, undefined);
    return true;
  }
}
