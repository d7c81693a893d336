import { pino, type DestinationStream, type Logger } from 'pino';

/**
 * Makes the broker's log: JSON lines. Strangers' texts are in it, so whatever some reader takes for the end of a line or
 * for a command to its terminal is escaped, beyond what JSON asks for.
 */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = { level, hooks: { streamWrite: escapeControls } };
  return destination === undefined ? pino(options) : pino(options, destination);
}

const escapeControls = (line: string) =>
  line.replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
