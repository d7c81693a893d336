import { writeSync } from 'node:fs';
import { codeOfForeignError } from '@valetkey/core-types';
import { pino, type DestinationStream, type Logger } from 'pino';

/**
 * Creates the broker's log: JSON lines. Lines contain text that callers chose, so characters that some reader could take
 * for a line end or a terminal command are escaped beyond what JSON requires.
 */
export function createLogger(level: string, destination: DestinationStream = createLogDestination()): Logger {
  return pino({ level, hooks: { streamWrite: escapeControls } }, destination);
}

function escapeControls(line: string): string {
  return line.replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function describeLoss(lost: number): string {
  return JSON.stringify({ level: 50, time: Date.now(), lost, msg: 'log lines could not be written' });
}

const standardOutput = 1;
/** The most bytes that are queued for a slow reader. */
const maxQueueBytes = 4_194_304;
/** Milliseconds between two attempts to write to a slow reader, and the most attempts without success. */
const retryMs = 10;
const maxRetries = 500;

/** Text that waits to be written, and the number of lines that are lost with it. */
interface QueuedText {
  bytes: Buffer;
  readonly lines: number;
}

/**
 * Creates a destination that writes lines to standard output. It waits up to five seconds for a slow reader; a line that
 * cannot be written is lost and counted. pino's own destination retries for ever when the disk is full, which would stop
 * the broker.
 */
export function createLogDestination(
  write: (bytes: Buffer) => number = (bytes) => writeSync(standardOutput, bytes),
): DestinationStream {
  let queue: QueuedText[] = [];
  let queuedBytes = 0;
  let retries = 0;
  let timer: NodeJS.Timeout | undefined;
  let lost = 0;
  /** Whether the last bytes written were an incomplete line. */
  let isTorn = false;

  const enqueue = (text: string, lines: number): void => {
    const bytes = Buffer.from(text);
    queue.push({ bytes, lines });
    queuedBytes += bytes.length;
  };

  const discardQueue = (): void => {
    for (const { lines } of queue) lost += lines;
    queue = [];
    queuedBytes = 0;
    retries = 0;
  };

  const retryLater = (): void => {
    retries += 1;
    timer = setTimeout(() => {
      timer = undefined;
      drain();
    }, retryMs);
  };

  const drain = (): void => {
    for (let [first] = queue; first !== undefined; [first] = queue) {
      let written: number;
      try {
        written = write(first.bytes);
      } catch (error) {
        if (codeOfForeignError(error) === 'EAGAIN' && retries < maxRetries) retryLater();
        else discardQueue();
        return;
      }
      retries = 0;
      queuedBytes -= written;
      isTorn = written < first.bytes.length;
      if (isTorn) first.bytes = first.bytes.subarray(written);
      else queue.shift();
    }
  };

  /** Reports lost lines before the next line, and first ends an incomplete one. */
  const reportLoss = (): void => {
    enqueue(`${isTorn ? '\n' : ''}${describeLoss(lost)}\n`, lost);
    lost = 0;
  };

  return {
    write(line) {
      if (queuedBytes > maxQueueBytes) {
        lost += 1;
        return;
      }
      if (lost > 0 && queue.length === 0) reportLoss();
      enqueue(line, 1);
      if (timer === undefined) drain();
    },
  };
}
