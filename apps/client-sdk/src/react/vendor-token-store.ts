import type { IssueParameters } from '../client/call-options.ts';
import { checkClient, lookInside, type ClientInside } from '../calls/client-inside.ts';
import type { ValetClient } from '../client/client.ts';
import type { Ending } from '../calls/deadline.ts';
import { isOver, momentIn, remainingMs, type Moment } from '../calls/moment.ts';
import type { TokenChange } from '../client/token-listeners.ts';
import type { ValetError } from '../errors/valet-error.ts';
import type { IssueResponse } from '../client/wire.ts';
import { isPageHidden, onPageVisibility } from './page-visibility.ts';
import type { VendorToken, VendorTokenStatus } from './vendor-token-types.ts';

/** What React keeps, and its DevTools show. It contains no token. */
export interface Snapshot {
  readonly status: VendorTokenStatus;
  readonly code: string | undefined;
}

export const loading: Snapshot = Object.freeze({ status: 'loading', code: undefined });

interface HeldToken {
  readonly response: IssueResponse;
  readonly expiry: Moment | undefined;
}

/** Milliseconds between a failure that states no pause and the next request. */
const pauseMs = 30_000;
/** The shortest pause between two requests, whatever the broker states. */
const minPauseMs = 1000;
/** Timers of some devices stand still during a sleep, so the store looks at both clocks at least this often. */
const maxTimerMs = 60_000;

const nothing = () => undefined;

/**
 * The token that one component shows. It sends requests only while the component listens, and keeps nothing when it stops.
 * Its private fields are invisible to React's DevTools.
 */
export class VendorTokenStore {
  readonly #valet: ValetClient;
  readonly #connection: string;
  readonly #parameters: IssueParameters | undefined;
  readonly #inside: ClientInside;
  readonly #loading: VendorToken<IssueResponse>;
  /** React's listener, as long as the component is mounted. */
  #listener: (() => void) | undefined;
  #snapshot = loading;
  #token: VendorToken<IssueResponse>;
  #held: HeldToken | undefined;
  #error: ValetError | undefined;
  #isSignedOut = false;
  #nextRequest: Moment | undefined;
  /** The request under way, with the session of the user who sent it. */
  #call: { readonly session: Ending } | undefined;
  #stopFollowing: () => void = nothing;
  #stopWatching: () => void = nothing;
  #cancelTimer: () => void = nothing;

  constructor(valet: ValetClient, connection: string, parameters: IssueParameters | undefined) {
    checkClient(valet, 'useVendorToken', 'token', 'onTokenChange');
    this.#valet = valet;
    this.#connection = connection;
    this.#parameters = parameters;
    this.#inside = lookInside(valet);
    this.#loading = { status: 'loading', response: undefined, error: undefined, refresh: this.refresh };
    this.#token = this.#loading;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listener = listener;
    this.#start();
    return () => {
      this.#listener = undefined;
      this.#stop();
    };
  };

  readonly snapshot = (): Snapshot => this.#snapshot;

  /** Returns what belongs to a snapshot; a former snapshot never shows a token. */
  readonly tokenOf = (snapshot: Snapshot): VendorToken<IssueResponse> =>
    snapshot === this.#snapshot ? this.#token : this.#loading;

  readonly refresh = (): void => {
    if (this.#listener === undefined) return;
    this.#request(this.#held?.response);
    this.#update();
  };

  #start(): void {
    this.#follow();
    this.#stopWatching = onPageVisibility(() => this.#update());
    // The call of a first mounting by StrictMode serves the second one.
    if (this.#call?.session.ended) this.#call = undefined;
    this.#request();
    this.#update();
  }

  #stop(): void {
    this.#stopFollowing();
    this.#stopWatching();
    this.#cancelTimer();
    this.#drop({ isSignedOut: false });
    this.#publish();
  }

  #follow(): void {
    this.#stopFollowing = this.#valet.onTokenChange(this.#connection, this.#parameters, (change) => this.#on(change));
  }

  #on({ reason }: TokenChange): void {
    if (reason === 'renewed') {
      this.#request();
    } else {
      this.#call = undefined;
      this.#drop({ isSignedOut: true });
      // The next user may get a token before this component does anything else.
      this.#follow();
    }
    this.#update();
  }

  #drop({ isSignedOut }: { readonly isSignedOut: boolean }): void {
    this.#held = undefined;
    this.#error = undefined;
    this.#isSignedOut = isSignedOut;
    this.#nextRequest = undefined;
  }

  #request(refused?: object): void {
    if (this.#call !== undefined) return;
    const call = { session: this.#inside.currentSession() };
    const settle = (apply: () => void) => {
      if (this.#call !== call) return;
      this.#call = undefined;
      if (this.#listener === undefined) return;
      apply();
      this.#update();
    };
    this.#call = call;
    this.#isSignedOut = false;
    this.#nextRequest = undefined;
    this.#valet.token(this.#connection, this.#parameters, { refused }).then(
      (response) => settle(() => this.#accept(response)),
      (error: ValetError) => settle(() => this.#fail(error)),
    );
  }

  #accept(response: IssueResponse): void {
    const { expires_in: expirySeconds, refresh_after: refreshSeconds = expirySeconds } = response;
    const { clock } = this.#inside;
    const expiry = expirySeconds === undefined ? undefined : momentIn(expirySeconds * 1000, clock);
    this.#held = { response, expiry };
    this.#error = undefined;
    this.#nextRequest =
      refreshSeconds === undefined ? undefined : momentIn(Math.max(refreshSeconds * 1000, minPauseMs), clock);
  }

  #fail(error: ValetError): void {
    if (error.code === 'signed_out') return this.#drop({ isSignedOut: true });
    const { retryable, retryAfterSeconds } = error;
    const waitMs = retryAfterSeconds === undefined ? pauseMs : Math.max(retryAfterSeconds * 1000, minPauseMs);
    this.#error = error;
    this.#nextRequest = retryable ? momentIn(waitMs, this.#inside.clock) : undefined;
  }

  /** Does what is due, and waits for what is due next. */
  #update(): void {
    const { clock } = this.#inside;
    this.#cancelTimer();
    if (this.#held?.expiry !== undefined && isOver(this.#held.expiry, clock)) this.#held = undefined;
    if (!isPageHidden()) {
      if (this.#nextRequest !== undefined && isOver(this.#nextRequest, clock)) this.#request();
      const moments = [this.#held?.expiry, this.#nextRequest].filter((moment) => moment !== undefined);
      if (moments.length > 0) {
        const delayMs = Math.min(maxTimerMs, ...moments.map((moment) => remainingMs(moment, clock)));
        this.#cancelTimer = clock.schedule(() => this.#update(), delayMs);
      }
    }
    this.#publish();
  }

  #publish(): void {
    const token = this.#describe();
    const { status, response, error } = this.#token;
    if (token.status === status && token.response === response && token.error === error) return;
    this.#token = token;
    this.#snapshot =
      token === this.#loading ? loading : Object.freeze({ status: token.status, code: token.error?.code });
    this.#listener?.();
  }

  #describe(): VendorToken<IssueResponse> {
    const { refresh } = this;
    const error = this.#error;
    if (this.#held !== undefined) return { status: 'ready', response: this.#held.response, error, refresh };
    if (this.#call !== undefined) return this.#loading;
    if (error !== undefined) return { status: 'error', response: undefined, error, refresh };
    if (this.#isSignedOut) return { status: 'signed_out', response: undefined, error: undefined, refresh };
    return this.#loading;
  }
}
