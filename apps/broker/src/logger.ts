import { writeSync } from 'node:fs';
import { pino, type DestinationStream, type Logger } from 'pino';

/**
 * Makes the broker's log: JSON lines. Strangers' texts are in it, so whatever some reader takes for the end of a line or
 * for a command to its terminal is escaped, beyond what JSON asks for.
 */
export function createLogger(level: string, destination: DestinationStream = createLogDestination()): Logger {
  return pino({ level, hooks: { streamWrite: escapeControls } }, destination);
}

const escapeControls = (line: string) =>
  line.replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const standardOutput = 1;
/** What a reader may be behind, in bytes. */
const longestQueueBytes = 4_194_304;
/** Milliseconds after which a reader who is behind is looked for again, and how often in vain. */
const retryMs = 10;
const mostRetries = 500;

/** Text that waits to be written, and how many lines are lost with it. */
interface Waiting {
  bytes: Buffer;
  readonly lines: number;
}

/**
 * Writes lines to standard output. A reader who is behind is waited for, for five seconds; a line that cannot be written
 * is lost and counted. pino's own destination tries again without end where a disk is full, and the broker would stand
 * still for its log.
 */
export function createLogDestination(
  write: (bytes: Buffer) => number = (bytes) => writeSync(standardOutput, bytes),
): DestinationStream {
  let queue: Waiting[] = [];
  let queuedBytes = 0;
  let retries = 0;
  let timer: NodeJS.Timeout | undefined;
  let lost = 0;
  /** Whether the last thing written was the beginning of a line. */
  let isTorn = false;

  const enqueue = (text: string, lines: number): void => {
    const bytes = Buffer.from(text);
    queue.push({ bytes, lines });
    queuedBytes += bytes.length;
  };

  const loseAll = (): void => {
    for (const { lines } of queue) lost += lines;
    queue = [];
    queuedBytes = 0;
    retries = 0;
  };

  const drain = (): void => {
    for (let [first] = queue; first !== undefined; [first] = queue) {
      let written: number;
      try {
        written = write(first.bytes);
      } catch (error) {
        const isBehind = (error as { code?: string }).code === 'EAGAIN' && retries < mostRetries;
        if (!isBehind) return loseAll();
        retries += 1;
        timer = setTimeout(() => {
          timer = undefined;
          drain();
        }, retryMs);
        return;
      }
      retries = 0;
      queuedBytes -= written;
      isTorn = written < first.bytes.length;
      if (isTorn) first.bytes = first.bytes.subarray(written);
      else queue.shift();
    }
  };

  /** What was lost is told before the next line, behind whatever stands there of a line that was torn. */
  const tellOfLoss = (): void => {
    const note = JSON.stringify({ level: 50, time: Date.now(), lost, msg: 'log lines could not be written' });
    enqueue(`${isTorn ? '\n' : ''}${note}\n`, lost);
    lost = 0;
  };

  return {
    write(line) {
      if (queuedBytes > longestQueueBytes) {
        lost += 1;
        return;
      }
      if (lost > 0 && queue.length === 0) tellOfLoss();
      enqueue(line, 1);
      if (timer === undefined) drain();
    },
  };
}
