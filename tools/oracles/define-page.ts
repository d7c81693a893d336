/** A published client SDK, and what it does with a running broker. */
export interface PageOracle<Stage> {
  /** The npm package of the SDK. */
  readonly package: string;
  /** The page of its vendor, whose configuration and code are run as they are printed. */
  readonly page: string;
  /** The connections of the page that the proofs use. */
  readonly connections: readonly string[];
  /** Further connections that the page describes by another one, which has the same options. */
  readonly alike?: Readonly<Record<string, string>>;
  /** By what each of them proves. A proof rejects if the SDK does something else. */
  readonly proofs: Readonly<Record<string, (stage: Stage) => Promise<void>>>;
}
