/**
 * The verified caller. A person is `issuer` and `subject` together: two identity providers may use one `subject` for
 * two people.
 */
export interface Principal {
  readonly issuer: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  /** Every claim of the verified token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** When the caller's token ends, in seconds since 1970. Absent where the identity provider does not say. */
  readonly expiresAtSeconds?: number | undefined;
}
