import type { Socket } from 'node:net';
import { codeOfForeignError, connectionDropped, proxyRefused } from '@valetkey/core-types';
import { Client, errors, Pool, type Dispatcher } from 'undici';

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

/** How far a call has come. `answered`: the head of its response has arrived. */
export type CallState = 'waiting' | 'sent' | 'sent on a used connection' | 'answered';

/** An option of a call whose sender wants to know how far it has come. */
export interface ObservedCall {
  readonly onState?: ((state: CallState) => void) | undefined;
}

class KeepAliveClient extends Client {
  /** Whether a call was already sent on this TCP connection. */
  #isUsed = false;
  readonly #informational: InformationalFilter;

  constructor(origin: URL, options: object) {
    const informational = createInformationalFilter();
    super(origin, prepareSockets(options, informational));
    this.#informational = informational;
    this.on('connect', () => {
      this.#isUsed = false;
    });
  }

  override dispatch(options: Dispatcher.DispatchOptions & ObservedCall, handler: Dispatcher.DispatchHandler): boolean {
    /** Returns whether the connection had been used before. */
    const markUsed = (): boolean => {
      const wasUsed = this.#isUsed;
      this.#isUsed = true;
      this.#informational.expectResponse();
      return wasUsed;
    };
    return super.dispatch(options, new MarkingHandler(handler, markUsed, options.onState));
  }
}

/** Passes all events on, and marks failures. */
class MarkingHandler implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #markUsed: () => boolean;
  readonly #onState: ObservedCall['onState'];
  #state: CallState = 'waiting';

  constructor(handler: Dispatcher.DispatchHandler, markUsed: () => boolean, onState: ObservedCall['onState']) {
    this.#handler = handler;
    this.#markUsed = markUsed;
    this.#onState = onState;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#enter(this.#markUsed() ? 'sent on a used connection' : 'sent');
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...event: Parameters<NonNullable<Dispatcher.DispatchHandler['onRequestUpgrade']>>): void {
    this.#handler.onRequestUpgrade?.(...event);
  }

  onResponseStart(...event: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    this.#enter('answered');
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

  #enter(state: CallState): void {
    this.#state = state;
    this.#onState?.(state);
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
 * Filters informational responses, and replaces the code `ECONNRESET` of each reset TCP connection. For a body without a
 * length, undici would take `ECONNRESET` for the regular end, so that half a body would look complete.
 */
function prepareSockets(options: Client.Options, { watch }: InformationalFilter): Client.Options {
  const { connect } = options;
  if (typeof connect !== 'function') return options;
  return {
    ...options,
    connect: (target, callback) =>
      connect(target, (...outcome) => {
        const [, socket] = outcome;
        if (socket) watch(socket);
        socket?.prependListener('error', (failure: NodeJS.ErrnoException) => {
          if (failure.code === 'ECONNRESET') failure.code = 'ECONNABORTED';
        });
        callback(...outcome);
      }),
  };
}

/** Lets the HTTP parser ignore each informational response (RFC 9110 section 15.2) on the sockets of one client. */
interface InformationalFilter {
  readonly watch: (socket: Socket) => void;
  /** Begins to look for informational responses, because a request is sent now. */
  readonly expectResponse: () => void;
}

/** The length of `HTTP/1.1 100`. */
const startLength = 12;
const informational = /^HTTP\/1\.1 1/;

/**
 * Creates the filter of one client, which sends one request at a time. The parser of undici ignores every informational
 * response except 100, for which it breaks the connection, so the filter turns each 100 into 102. A 101 destroys the socket
 * with a parser error: no request asks for another protocol.
 */
function createInformationalFilter(): InformationalFilter {
  /** The first characters of the current head, or undefined after the begin of the final head. */
  let start: string | undefined;
  /** The latest characters of an informational head. */
  let end = '';

  const readCharacter = (character: string): void => {
    if (start === undefined) return;
    if (start.length < startLength) {
      start += character;
      if (start.length === startLength && !informational.test(start)) start = undefined;
    } else {
      end = (end + character).slice(-3);
      if (end === '\n\r\n' || end.endsWith('\n\n')) start = end = '';
    }
  };

  /** Returns whether a chunk has no 101. */
  const filter = (chunk: Buffer): boolean => {
    for (let index = 0; index < chunk.length; index += 1) {
      readCharacter(String.fromCharCode(chunk[index] ?? 0));
      if (start === undefined) return true;
      if (start.length < startLength || end !== '') continue;
      if (start.endsWith('101')) return false;
      if (start.endsWith('100')) chunk.write('2', index, 'latin1');
    }
    return true;
  };

  return {
    watch(socket) {
      start = undefined;
      const read = socket.read.bind(socket);
      socket.read = (size) => {
        const chunk = read(size) as Buffer | null;
        if (chunk === null || start === undefined || filter(chunk)) return chunk;
        socket.destroy(new errors.HTTPParserError('The server switched protocols unasked.'));
        return null;
      };
    },
    expectResponse() {
      start = end = '';
    },
  };
}
