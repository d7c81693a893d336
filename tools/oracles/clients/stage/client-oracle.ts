import type { Stage } from './stage.ts';

/** A client SDK, and what it must do with a broker. */
export interface ClientOracle {
  /** The npm package of the SDK. */
  readonly package: string;
  /** The page of its vendor, whose configuration and code are run. */
  readonly page: string;
  /** Connections that the page describes by another one, which has the same options. */
  readonly alike?: Readonly<Record<string, string>>;
  /** By what each of them proves. */
  readonly proofs: Readonly<Record<string, (stage: Stage) => Promise<void>>>;
}
