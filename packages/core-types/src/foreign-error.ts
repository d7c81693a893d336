/** The parts of a foreign error that are safe to log. A foreign error is one that a library or the runtime threw. */
export interface ForeignErrorDescription {
  readonly name: string;
  readonly code?: string;
  /** The frames of the stack trace, without the message at its start. */
  readonly frames?: readonly string[];
  /** The description of the error's own `cause`. */
  readonly cause?: ForeignErrorDescription;
}

const maxFrames = 12;
const maxCauses = 3;

/**
 * A constant of a library. Free text and most secrets have lower-case letters or other characters. The constants of OpenSSL
 * are longer, and some have a slash (`ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE`).
 */
const codePattern = /^(?:[A-Z0-9_]{2,40}|ERR_SSL_[A-Z0-9_/]{2,60})$/;
const namePattern = /^[A-Za-z][A-Za-z0-9_$]{0,60}$/;
/** A frame as the runtime writes it. A line of a message that only begins with `at` is not one. */
const framePattern =
  /^at (?:.+ \()?(?:(?:file:|node:|\/|[A-Za-z]:\\|https?:)\S*:\d+:\d+|native|<anonymous>|index \d+)\)?$/;

/**
 * Returns the `code` of a foreign error (`ECONNREFUSED`, `42P01`, `UND_ERR_SOCKET`), or undefined if it has none. A code is
 * a constant of its library. The message is never read, because messages quote header values, bodies and URLs.
 */
export function codeOfForeignError(thrown: unknown): string | undefined {
  const code = read(thrown, 'code');
  return typeof code === 'string' && codePattern.test(code) ? code : undefined;
}

/** Returns the name, code and stack frames of a foreign error and of its causes. Their messages are left out. */
export function describeForeignError(thrown: unknown): ForeignErrorDescription {
  return describe(thrown, maxCauses);
}

function describe(thrown: unknown, causesLeft: number): ForeignErrorDescription {
  if (!isError(thrown)) return { name: typeof thrown };
  const [name, code, cause] = [read(thrown, 'name'), codeOfForeignError(thrown), read(thrown, 'cause')];
  return {
    name: typeof name === 'string' && namePattern.test(name) ? name : 'Error',
    ...(code !== undefined && { code }),
    frames: framesOf(thrown),
    ...(isError(cause) && causesLeft > 0 && { cause: describe(cause, causesLeft - 1) }),
  };
}

function framesOf(error: Error): string[] {
  const [stack, message] = [read(error, 'stack'), read(error, 'message')];
  if (typeof stack !== 'string') return [];
  const trace = typeof message === 'string' ? stack.replace(message, () => '') : stack;
  return trace
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => framePattern.test(line))
    .slice(0, maxFrames);
}

/** Reads a field of a foreign value. Its getter may throw anything, which then counts as an absent field. */
function read(value: unknown, field: string): unknown {
  try {
    return (value as Readonly<Record<string, unknown>> | null | undefined)?.[field];
  } catch {
    return undefined;
  }
}

function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    return false;
  }
}
