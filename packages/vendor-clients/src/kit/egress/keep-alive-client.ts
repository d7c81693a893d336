import { codeOfForeignError, connectionDropped, proxyRefused } from '@valetkey/core-types';
import { Client, Pool, type Dispatcher } from 'undici';

/** The codes of the network errors for a broken TCP connection. */
const brokenCodes = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'UND_ERR_SOCKET']);

/**
 * Creates a pool that marks a failure with {@link connectionDropped} if a TCP connection had already served a call and broke
 * before any part of the next response: servers, firewalls and address translators drop idle connections, so that the next
 * call fails although the server is well.
 */
export function createKeepAlivePool(origin: string | URL, options: Pool.Options): Pool {
  return new Pool(origin, { ...options, factory: (own, ownOptions) => new KeepAliveClient(own, ownOptions) });
}

class KeepAliveClient extends Client {
  /** Whether a call was already sent on this TCP connection. */
  #isUsed = false;

  constructor(origin: URL, options: object) {
    super(origin, distinguishResets(options));
    this.on('connect', () => {
      this.#isUsed = false;
    });
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    /** Returns whether the connection had been used before. */
    const markUsed = (): boolean => {
      const wasUsed = this.#isUsed;
      this.#isUsed = true;
      return wasUsed;
    };
    return super.dispatch(options, new MarkingHandler(handler, markUsed));
  }
}

/** Passes all events on, and marks failures. */
class MarkingHandler implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #markUsed: () => boolean;
  #state: 'waiting' | 'sent' | 'sent on a used connection' | 'answered' = 'waiting';

  constructor(handler: Dispatcher.DispatchHandler, markUsed: () => boolean) {
    this.#handler = handler;
    this.#markUsed = markUsed;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#state = this.#markUsed() ? 'sent on a used connection' : 'sent';
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...event: Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestUpgrade']>>): void {
    this.#handler.onRequestUpgrade?.(...event);
  }

  onResponseStart(...event: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    this.#state = 'answered';
    this.#handler.onResponseStart?.(...event);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(...event: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>): void {
    this.#handler.onResponseEnd?.(...event);
  }

  onResponseError(controller: Dispatcher.DispatchController | null, failure: Error): void {
    this.#handler.onResponseError?.(controller as Dispatcher.DispatchController, this.#mark(failure));
  }

  #mark(failure: Error): Error {
    const code = codeOfForeignError(failure) ?? '';
    if (this.#state === 'sent on a used connection' && brokenCodes.has(code)) {
      return Object.assign(new Error('The idle connection was dropped.'), { code: connectionDropped });
    }
    // Before a call is sent, undici aborts it only if the proxy responds to CONNECT with another status than 200.
    if (this.#state === 'waiting' && (code === 'UND_ERR_ABORTED' || code.startsWith('UND_ERR_PRX'))) {
      return Object.assign(new Error('The proxy opened no tunnel.'), { code: proxyRefused });
    }
    return failure;
  }
}

/**
 * Replaces the code `ECONNRESET` of each reset TCP connection. For a body without a length, undici would take `ECONNRESET` for
 * the regular end, so that half a body would look complete.
 */
function distinguishResets(options: Client.Options): Client.Options {
  const { connect } = options;
  if (typeof connect !== 'function') return options;
  return {
    ...options,
    connect: (target, callback) =>
      connect(target, (...outcome) => {
        outcome[1]?.prependListener('error', (failure: NodeJS.ErrnoException) => {
          if (failure.code === 'ECONNRESET') failure.code = 'ECONNABORTED';
        });
        callback(...outcome);
      }),
  };
}
