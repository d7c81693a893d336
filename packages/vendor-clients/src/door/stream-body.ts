import type { Dispatcher } from 'undici';
import { invalidAnswer, type VendorName } from './answer.ts';
import { longestRestBytes, longestRestMs } from './exchange.ts';

type Body = Dispatcher.ResponseData['body'];

interface StreamBodyOptions {
  readonly vendor: VendorName;
  readonly maxBytes: number;
  /** Turns whatever the network threw into what the reader meets. */
  readonly explain: (failure: unknown) => unknown;
  /** Called when the body is over: read to its end, failed, or left. */
  readonly stop: () => void;
}

/**
 * The body as its reader sees it. Written out, for a generator that is left before its first step never hears of it, and
 * would keep the call's connection.
 */
export function streamBody(body: Body, options: StreamBodyOptions): AsyncIterableIterator<Uint8Array> {
  const { vendor, maxBytes, explain, stop } = options;
  let chunks: AsyncIterator<Uint8Array> | undefined;
  let length = 0;

  const leave = (): void => {
    stop();
    if (chunks === undefined) discardBody(body);
    // At once, for a step that is under way would be waited for. What it then fails with is nobody's any more.
    else body.on('error', () => undefined).destroy();
  };

  return {
    async next() {
      chunks ??= body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      let step: IteratorResult<Uint8Array>;
      try {
        step = await chunks.next();
      } catch (failure) {
        stop();
        throw explain(failure);
      }
      if (step.done === true) {
        stop();
        return step;
      }
      length += step.value.length;
      if (length <= maxBytes) return step;
      leave();
      throw invalidAnswer(vendor, 'body_too_long');
    },
    async return() {
      leave();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Reads a short rest so that the connection can be used again, and cuts off a long one. */
export function discardBody(body: Body): void {
  body.dump({ limit: longestRestBytes, signal: AbortSignal.timeout(longestRestMs) }).catch(() => undefined);
}
