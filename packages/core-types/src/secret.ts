const redacted = '[redacted]';

/**
 * A value that must not be printed: every conversion to text gives `[redacted]`.
 *
 * Only {@link Secret.reveal} returns the text, so that a search for `reveal(` finds every place where a secret leaves its
 * wrapper.
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

  /** Returns the text of the secret. Pass it directly to the call that needs it. */
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
 * A secret and, during a rotation, its successor. `next` is used when the vendor refuses `current`, so that a rotation needs
 * no restart.
 */
export interface SecretSlots<Value = Secret> {
  readonly current: Value;
  readonly next?: Value | undefined;
}
