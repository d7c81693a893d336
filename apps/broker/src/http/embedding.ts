import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { fetchFrom } from './fetch.ts';
import type { FetchOptions } from './fetch-options.ts';
import { holdSocket } from './sockets.ts';

/** How a program gives requests to a listener that need not listen. */
export interface Embedding {
  readonly fetch: (request: Request, options?: FetchOptions) => Promise<Response>;
  readonly handler: (
    request: IncomingMessage,
    response: ServerResponse,
    next?: (error: unknown) => void,
  ) => Promise<void>;
  /** Refuses further requests, and waits for the running ones. */
  readonly close: () => Promise<void>;
}

/** Creates the embedding of a listener. `start` is called before the first request. */
export function createEmbedding({ server }: FastifyInstance, start: () => Promise<void>): Embedding {
  const calls = createRunningCalls();
  let starting: Promise<void> | undefined;
  const begin = async () => {
    if (starting === undefined) calls.assertOpen();
    await (starting ??= start());
    calls.assertOpen();
  };
  const followRequests = once(() => {
    server.on('request', (_request: IncomingMessage, response: ServerResponse) =>
      response.once('close', calls.enter()),
    );
  });
  return {
    fetch: async (request, options = {}) => {
      await begin();
      followRequests();
      const leave = calls.enter();
      return fetchFrom(server, request, options).finally(leave);
    },
    handler: async (request, response, next = () => response.destroy()) => {
      try {
        await begin();
        // The client has left during the start, and `close` is not emitted again.
        if (response.destroyed) return;
        assertUnread(request);
        followRequests();
        onClose(response, holdSocket(server, request.socket));
        server.emit('request', request, response);
      } catch (error) {
        next(error);
      }
    },
    close: calls.close,
  };
}

function assertUnread({ readableDidRead }: IncomingMessage): void {
  if (!readableDidRead) return;
  throw new TypeError(
    'broker.handler: the body of the request was read before. Mount the broker before every body parser.',
  );
}

/** Listens for the end of a response. The listeners of a streamed response are already as many as Node allows without a warning. */
function onClose(response: ServerResponse, listener: () => void): void {
  response.setMaxListeners(response.getMaxListeners() + 1).once('close', listener);
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

/** Counts calls, so that the broker can wait for their end. */
function createRunningCalls() {
  let running = 0;
  let isClosed = false;
  const ended = Promise.withResolvers<void>();
  const endIfIdle = () => {
    if (isClosed && running === 0) ended.resolve();
  };
  return {
    assertOpen: () => {
      if (isClosed) throw new TypeError('The broker is closed.');
    },
    /** Counts a call until the returned function is called. */
    enter: () => {
      running += 1;
      return () => {
        running -= 1;
        endIfIdle();
      };
    },
    close: () => {
      isClosed = true;
      endIfIdle();
      return ended.promise;
    },
  };
}
