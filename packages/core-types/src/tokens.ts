import type { Secret } from './secret.ts';

/**
 * A vendor credential that must never leave the broker, such as Nymbl's access token.
 *
 * It may be cached. No response encoder accepts it.
 */
export interface ServerToken {
  readonly kind: 'server';
  readonly vendor: string;
  readonly secret: Secret;
  /** Seconds until it expires, counted from receipt. Absent where the vendor does not say. */
  readonly expiresInSeconds?: number | undefined;
}

/** What a client token gives access to: one user's data, or the company's whole account. */
export type TokenBinding = 'user' | 'account';

/**
 * A vendor credential that may be returned to an app.
 *
 * A token bound to a user is issued anew for every request; only a token bound to the account may be cached.
 */
export interface ClientToken<Binding extends TokenBinding = TokenBinding> {
  readonly kind: 'client';
  readonly bound: Binding;
  readonly vendor: string;
  /** The fields of the response, under the vendor's own names: client code of the vendor's documentation reads them. */
  readonly fields: Readonly<Record<string, string | Secret>>;
  /** The principal's user id at the vendor. */
  readonly vendorUserId?: string | undefined;
  /** Seconds until it expires, counted from receipt. */
  readonly expiresInSeconds?: number | undefined;
}

/** What a cache may hold. The rule "never cache patient tokens" is this type: a user-bound token is not part of it. */
export type CacheableToken = ServerToken | ClientToken<'account'>;

/** What a response may hold. The rule "never expose a server token" is this type. */
export type ExposableToken = ClientToken;

/** Enforces {@link CacheableToken} at run time, where a cast removed the type. Throws a `TypeError`. */
export function assertCacheable(token: CacheableToken): void {
  const { kind, bound } = token as { kind?: unknown; bound?: unknown };
  if (kind === 'server' || (kind === 'client' && bound === 'account')) return;
  throw new TypeError('Only server tokens and account-bound client tokens may be cached.');
}

/** Enforces {@link ExposableToken} at run time, where a cast removed the type. Throws a `TypeError`. */
export function assertExposable(token: ExposableToken): void {
  if ((token as { kind?: unknown }).kind === 'client') return;
  throw new TypeError('Only client tokens may be returned to an app.');
}
