/**
 * The identity in a verified token: `issuer` and `subject` together, because two identity providers may use the same
 * `subject` for different users.
 */
export interface Principal {
  readonly issuer: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  /** Every claim of the verified token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** When the token expires, in seconds since 1970. Absent if the identity provider does not say when. */
  readonly expiresAtSeconds?: number | undefined;
}
