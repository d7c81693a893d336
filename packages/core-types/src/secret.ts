const redacted = '[redacted]';

/**
 * A value that must not be printed: every way of turning it into text says `[redacted]`.
 *
 * The text itself is reached by {@link Secret.reveal} alone, so that a search for `reveal(` finds each place
 * where a secret leaves its wrapper.
 *
 * @example
 * ```ts
 * import { Secret } from '@valetkey/core-types';
 *
 * const serverKey = new Secret('server_key');
 * console.log(serverKey, JSON.stringify({ serverKey })); // [redacted] {"serverKey":"[redacted]"}
 * const authorization = `Bearer ${serverKey.reveal()}`;
 * ```
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    if (value === '') throw new TypeError('A secret must not be empty.');
    this.#value = value;
  }

  /** The text of the secret. Hand it straight to the call that needs it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return redacted;
  }
}

/**
 * A secret with room for its successor, so that it rotates without a restart: `next` is tried when the vendor
 * refuses `current`.
 */
export interface SecretSlots {
  readonly current: Secret;
  readonly next?: Secret | undefined;
}
