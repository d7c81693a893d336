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

/**
 * A vendor credential that must never leave the broker, such as Nymbl's access token.
 *
 * A server token may be cached. No function that writes a response accepts it.
 */
export interface ServerToken {
  readonly kind: 'server';
  readonly vendor: string;
  readonly secret: Secret;
  /** Seconds until the token expires, counted from receipt. Absent if the vendor does not say when. */
  readonly expiresInSeconds?: number | undefined;
}

/** What a client token gives access to: the data of one vendor user, or the whole account at the vendor. */
export type TokenBinding = 'user' | 'account';

/**
 * A vendor credential that may be returned to an app.
 *
 * A user-bound token is issued anew for every request. Only an account-bound token may be cached.
 */
export interface ClientToken<Binding extends TokenBinding = TokenBinding> {
  readonly kind: 'client';
  readonly bound: Binding;
  readonly vendor: string;
  /** The fields of the response. They have the vendor's names, so that code from the vendor's documentation can read them. */
  readonly fields: Readonly<Record<string, string | Secret>>;
  /** The principal's user id at the vendor. */
  readonly vendorUserId?: string | undefined;
  /** Seconds until the token expires, counted from receipt. Absent if the vendor does not say when. */
  readonly expiresInSeconds?: number | undefined;
  /** Whether the token works only once, so that an app requests one for each use. Default: false. */
  readonly singleUse?: boolean | undefined;
}

/** The tokens that a cache may hold. This type is the rule "never cache a user-bound token". */
export type CacheableToken = ServerToken | ClientToken<'account'>;

/** The tokens that a response may contain. This type is the rule "never expose a server token". */
export type ExposableToken = ClientToken;

/** Enforces {@link CacheableToken} at run time, in case a cast has removed the type. Throws a `TypeError`. */
export function assertCacheable(token: CacheableToken): void {
  const { kind, bound } = token as { kind?: unknown; bound?: unknown };
  if (kind === 'server' || (kind === 'client' && bound === 'account')) return;
  throw new TypeError('Only server tokens and account-bound client tokens may be cached.');
}

/** Enforces {@link ExposableToken} at run time, in case a cast has removed the type. Throws a `TypeError`. */
export function assertExposable(token: ExposableToken): void {
  if ((token as { kind?: unknown }).kind === 'client') return;
  throw new TypeError('Only client tokens may be returned to an app.');
}
