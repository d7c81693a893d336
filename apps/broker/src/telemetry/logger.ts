import { writeSync } from 'node:fs';
import { codeOfForeignError } from '@valetkey/core-types';
import { pino, type DestinationStream, type Logger } from 'pino';

/**
 * Creates the broker's log, which writes JSON lines. The lines contain text that callers chose. Therefore characters that a
 * program could read as a line end or as a terminal command are escaped, although JSON does not require it. `addFields` returns
 * further fields of the line that is written.
 */
export function createLogger(
  level: string,
  destination: DestinationStream = createLogDestination(),
  addFields?: () => object,
): Logger {
  const options = { level, hooks: { streamWrite: escapeControls }, ...(addFields && { mixin: addFields }) };
  return pino(options, destination);
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
/** While more bytes than this are queued for a slow reader, further lines are lost. */
const maxQueueBytes = 4_194_304;
/** Milliseconds between two attempts to write to a slow reader. */
const retryMs = 10;
/** After this many failed attempts in a row, the queued lines are lost. */
const maxRetries = 500;

/** Text that waits to be written. */
interface QueuedText {
  bytes: Buffer;
  /** The number of log lines that are lost if the text is discarded. */
  readonly lines: number;
}

/**
 * Creates a destination that writes lines to standard output. It waits up to five seconds for a slow reader. A line that
 * cannot be written is lost, and the next line that can be written is preceded by the number of lost lines. pino's own
 * destination would block the broker while the disk is full, because it retries forever.
 */
export function createLogDestination(
  write: (bytes: Buffer) => number = (bytes) => writeSync(standardOutput, bytes),
): DestinationStream {
  let queue: QueuedText[] = [];
  let queuedBytes = 0;
  let retries = 0;
  let timer: NodeJS.Timeout | undefined;
  let lost = 0;
  /** Whether the last written bytes end in the middle of a line. */
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

  /** Queues a line with the number of lost lines. If the last written line is incomplete, it first ends that line. */
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
