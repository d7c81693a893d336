/** The parts of a foreign error that are safe to log. A foreign error is one that a library or the runtime threw. */
export interface ForeignErrorDescription {
  readonly name: string;
  readonly code?: string;
  /** The frames of the stack trace, without the message at its start. */
  readonly frames?: readonly string[];
}

const maxFrames = 12;

/**
 * Returns the `code` of a foreign error (`ECONNREFUSED`, `42P01`, `UND_ERR_SOCKET`), or undefined if it has none. A code is
 * a constant of its library. The message is never read, because messages quote header values, bodies and URLs.
 */
export function codeOfForeignError(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  const { code } = thrown;
  return typeof code === 'string' && /^[A-Za-z0-9_.-]{1,64}$/.test(code) ? code : undefined;
}

/** Returns the name, code and stack frames of a foreign error; its message is left out. */
export function describeForeignError(thrown: unknown): ForeignErrorDescription {
  if (!(thrown instanceof Error)) return { name: typeof thrown };
  const { name, message, stack = '' } = thrown;
  const code = codeOfForeignError(thrown);
  const frames = stack
    .replace(message, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '));
  return { name, ...(code !== undefined && { code }), frames: frames.slice(0, maxFrames) };
}
