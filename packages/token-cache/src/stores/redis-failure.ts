import { codeOfForeignError } from '@valetkey/core-types';

/** A failure of a Redis server. Its `code` names the kind, and it has no text of the server. */
class RedisFailure extends Error {
  readonly code: string;

  static {
    this.prototype.name = 'RedisFailure';
  }

  constructor(code: string) {
    super(`Redis failed with ${code}.`);
    this.code = code;
  }
}

/** Failures of which only the text says the kind: most of these replies begin with the word ERR. */
const kinds: readonly (readonly [RegExp, string])[] = [
  [/^ERR SELECT is not allowed in cluster mode/, 'REDIS_CLUSTER'],
  [/^ERR (DB index is out of range|invalid DB index)/, 'REDIS_DATABASE'],
  [/^ERR (AUTH .* without any password|Client sent AUTH, but no password)/, 'REDIS_NO_PASSWORD'],
  [/^ERR unknown (redis )?command/i, 'REDIS_COMMAND'],
  [/^ERR max number of clients/, 'REDIS_CLIENTS'],
  [/^ERR The user executing the script can't /, 'NOPERM'],
  // Node's own code for it is longer than a code may be.
  [/:tlsv13 alert certificate required:/, 'REDIS_CLIENT_CERTIFICATE'],
  [/^Socket closed unexpectedly$/, 'REDIS_CLOSED'],
];

/** What servers before Redis 7 write before an error of a command in a script. */
const scriptPrefix = /^ERR Error running script .*@user_script: ?\d+: -?/s;

/**
 * Returns an error with a `code`. node-redis throws an error reply of the server as an error that has only a message. The
 * first word of a reply names its kind, such as WRONGPASS.
 */
export function toRedisFailure(error: unknown): unknown {
  if (codeOfForeignError(error) !== undefined || !(error instanceof Error)) return error;
  const reply = error.message.replace(scriptPrefix, '');
  const code = kinds.find(([pattern]) => pattern.test(reply))?.[1] ?? /^[A-Z][A-Z_]{1,39}(?= |$)/.exec(reply)?.[0];
  return code === undefined ? error : new RedisFailure(code);
}
