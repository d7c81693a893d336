/**
 * The verified caller, identified by `issuer` and `subject` together: two identity providers may use the same `subject`
 * for two different people.
 */
export interface Principal {
  readonly issuer: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  /** Every claim of the verified token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** When the caller's token expires, in seconds since 1970. Absent where the identity provider does not say. */
  readonly expiresAtSeconds?: number | undefined;
}
