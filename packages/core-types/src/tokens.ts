import type { Secret } from './secret.ts';

/**
 * A vendor credential that must never leave the broker (Nymbl's access token).
 *
 * It may be cached; no response encoder takes it.
 */
export interface ServerToken {
  readonly kind: 'server';
  readonly vendor: string;
  readonly secret: Secret;
  /** Seconds of life from receipt, as far as the vendor said. */
  readonly expiresInSeconds?: number | undefined;
}

/** Whom a client token speaks for: one person, or the company's whole account. */
export type TokenBinding = 'user' | 'account';

/**
 * A vendor credential that may be answered to an app.
 *
 * A token bound to a user is fresh on every ask; only one bound to the account may be cached.
 */
export interface ClientToken<Binding extends TokenBinding = TokenBinding> {
  readonly kind: 'client';
  readonly bound: Binding;
  readonly vendor: string;
  /** The vendor's own field names, as the client code in its documentation reads them. */
  readonly fields: Readonly<Record<string, string | Secret>>;
  /** The principal's identity at the vendor. */
  readonly vendorUserId?: string | undefined;
  /** Seconds of life from receipt. */
  readonly expiresInSeconds?: number | undefined;
}

/** What a cache may hold. "Never cache patient tokens" is this type: one bound to a user does not fit in. */
export type CacheableToken = ServerToken | ClientToken<'account'>;

/** What an answer may hold. "Never expose" is this type: a server token does not fit in. */
export type ExposableToken = ClientToken;

/** Stands behind {@link CacheableToken} where types were cast away. */
export function assertCacheable(token: CacheableToken): void {
  const { kind, bound } = token as { kind?: unknown; bound?: unknown };
  if (kind === 'server' || (kind === 'client' && bound === 'account')) return;
  throw new TypeError('Only server tokens and account-bound client tokens may be cached.');
}

/** Stands behind {@link ExposableToken} where types were cast away. */
export function assertExposable(token: ExposableToken): void {
  if ((token as { kind?: unknown }).kind === 'client') return;
  throw new TypeError('Only client tokens may be answered to an app.');
}
