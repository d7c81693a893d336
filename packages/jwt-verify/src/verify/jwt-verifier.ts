import type { Principal } from '@valetkey/core-types';
import type { DpopSupport } from '../dpop/dpop-support.ts';
import type { KeyStatus } from '../keys/key-source.ts';
import type { RevocationTarget } from '../revocation/revocations.ts';
import type { Explanation } from './explain.ts';
import type { LogoutToken } from './logout-token.ts';
import type { VerifyContext } from './verify-token.ts';

/** The state of one issuer. */
export interface IssuerStatus extends KeyStatus {
  readonly issuer: string;
}

/** Turns tokens into principals. */
export interface JwtVerifier {
  /**
   * Verifies a token.
   *
   * @throws {ValetKeyError} `invalid_token` with a `reason` and a `remediation`; `identity_unavailable` if the identity
   *   provider must be called and gives no usable response; `rate_limited` if the principal has too many DPoP proofs in use;
   *   `overloaded`.
   */
  readonly verify: (token: string, context?: VerifyContext) => Promise<Principal>;
  /**
   * Fetches the keys of every issuer, before the first token arrives. Never rejects: `lastFailure` in the status names a
   * failure.
   */
  readonly warm: () => Promise<readonly IssuerStatus[]>;
  /** Verifies a token and describes every check. Safe to show: it contains nothing about the user. */
  readonly explain: (token: string, context?: VerifyContext) => Promise<Explanation>;
  /**
   * Verifies a logout token (OpenID Connect Back-Channel Logout 1.0) of an issuer with `backChannelLogout`. The caller must
   * remember its `tokenId` and refuse a second use.
   *
   * @throws {ValetKeyError} `invalid_token` with a `reason` and a `remediation`; `identity_unavailable` if the identity
   *   provider must be called and gives no usable response.
   */
  readonly verifyLogoutToken: (token: string) => Promise<LogoutToken>;
  /**
   * Refuses a token, or all tokens of a principal, from now on and in this process. A promise that `verify` has already
   * returned for such a token may still resolve.
   *
   * @throws {ValetKeyError} `overloaded` if the memory of revocations is full; `invalid_request` for a token that cannot be
   *   distinguished from others.
   */
  readonly revoke: (target: RevocationTarget) => void;
  readonly status: () => readonly IssuerStatus[];
  /** What the issuers accept of DPoP, for challenges and metadata. Undefined if only bearer tokens are accepted. */
  readonly dpop: DpopSupport | undefined;
  /** Returns the nonce for the `DPoP-Nonce` header of a response (RFC 9449 section 9). */
  readonly dpopNonce: () => string;
  /** Ends the fetches under way, and prevents new ones. */
  readonly close: () => void;
}
