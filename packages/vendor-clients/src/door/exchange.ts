import type { Dispatcher } from 'undici';
import { invalidAnswer, type Answer, type AnswerHeaders, type VendorName } from './answer.ts';
import type { Deadline } from './deadline.ts';
import { longestBodyBytes } from './read-body.ts';

/** What an exchange needs besides its request. */
interface ExchangeOptions {
  readonly vendor: VendorName;
  readonly deadline: Deadline;
  /** The error for a status that nobody wants to see. */
  readonly unusable: (status: number, headers: AnswerHeaders) => Error | undefined;
}

/** An answer that nobody wants is read so far, and for so long, that its connection can be used again. */
export const longestRestBytes = 16_384;
export const longestRestMs = 100;

/**
 * Sends a request and collects the whole answer, as it is on the wire. By undici's own events: the stream that its
 * `request` makes of every body costs more than all else that the door does.
 */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  options: ExchangeOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(request, new AnswerCollector(options, resolve, reject));
  });
}

/** Hears of one answer, piece by piece. */
class AnswerCollector implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (failure: unknown) => void;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: AnswerHeaders = {};
  #length = 0;
  /** Why nobody wants this answer any more. */
  #failure: Error | undefined;
  #restTimer: NodeJS.Timeout | undefined;

  constructor(options: ExchangeOptions, resolve: (answer: Answer) => void, reject: (failure: unknown) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    options.deadline.onEnd(() => this.#end());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure !== undefined) controller.abort(this.#failure);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    const unusable = this.#options.unusable(status, headers);
    if (unusable === undefined) return;
    this.#fail(unusable);
    this.#restTimer = setTimeout(() => this.#abort(unusable), longestRestMs);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#failure !== undefined) {
      if (this.#length > longestRestBytes) this.#abort(this.#failure);
    } else if (this.#length > longestBodyBytes) {
      this.#abort(invalidAnswer(this.#options.vendor, 'body_too_long'));
    } else {
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    clearTimeout(this.#restTimer);
    const [first] = this.#chunks;
    const body = first !== undefined && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks, this.#length);
    this.#resolve({ vendor: this.#options.vendor, status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, failure: Error): void {
    clearTimeout(this.#restTimer);
    this.#reject(failure);
  }

  /** The call is over before its answer is. One that still waits for a connection hears of it only now. */
  #end(): void {
    const ended = new Error('The call was ended.');
    this.#fail(ended);
    this.#abort(ended);
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    this.#reject(failure);
  }

  #abort(failure: Error): void {
    this.#controller?.abort(failure);
  }
}
