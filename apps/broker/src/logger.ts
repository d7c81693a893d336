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

/**
 * Writes lines to standard output. One that cannot be written is lost and counted: pino's own destination tries again
 * without end where a disk is full, and the broker would stand still for its log.
 */
export function createLogDestination(
  write: (bytes: Buffer) => number = (bytes) => writeSync(standardOutput, bytes),
): DestinationStream {
  let lost = 0;
  let isTorn = false;

  /** Answers whether all of it was written. */
  const tryToWrite = (text: string): boolean => {
    let bytes = Buffer.from(text);
    try {
      while (bytes.length > 0) {
        const written = write(bytes);
        isTorn = true;
        bytes = bytes.subarray(written);
      }
      isTorn = false;
      return true;
    } catch {
      return false;
    }
  };
  /** What was lost is told before the next line, behind whatever stands there of a line that was torn. */
  const catchUp = (): boolean => {
    if (lost === 0) return true;
    const note = JSON.stringify({ level: 50, time: Date.now(), lost, msg: 'log lines could not be written' });
    if (!tryToWrite(`${isTorn ? '\n' : ''}${note}\n`)) return false;
    lost = 0;
    return true;
  };

  return {
    write(line) {
      if (!catchUp() || !tryToWrite(line)) lost += 1;
    },
  };
}
