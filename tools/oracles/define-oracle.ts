import type { FixtureCase } from '../../packages/vendor-clients/src/testing/oracle-fixtures.ts';

/** What an oracle is given in one case. The names become those of the recipe. */
export interface CaseInput {
  readonly title: string;
  readonly nowSeconds: number;
  readonly lifeSeconds?: number;
  readonly secrets: Readonly<Record<string, string>>;
  readonly options: object;
  readonly userId: string;
  readonly parameters: object;
  readonly randomHex?: string;
}

/** What the SDK gave in one case. */
export type Outcome =
  | Pick<Extract<FixtureCase, { jwt: unknown }>, 'jwt'>
  | Pick<Extract<FixtureCase, { text: unknown }>, 'text'>
  | Pick<Extract<FixtureCase, { request: unknown }>, 'request' | 'ignoredHeaders' | 'response'>;

/** One product of a vendor, as its official SDK mints it. */
export interface OracleProduct<Case extends CaseInput = CaseInput> {
  /** The name of the fixture's file. */
  readonly product: string;
  /** The npm package of the SDK. */
  readonly package: string;
  readonly cases: readonly Case[];
  /** Calls the SDK. The clock stands at the case's time. */
  readonly record: (input: Case) => Outcome | Promise<Outcome>;
}

/** Declares one product. `Case` says which secrets, options and parameters its cases have. */
export function defineOracle<Case extends CaseInput>(oracle: OracleProduct<Case>): OracleProduct {
  return {
    ...oracle,
    // The harness passes only the cases of this same object.
    record: (input) => oracle.record(input as Case),
  };
}
