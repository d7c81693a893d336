import type { CallOptions, Principal } from '@valetkey/core-types';
import type { AllowOption, SetOption } from './parameters.ts';

/** A request for a token. */
export interface MintRequest extends CallOptions {
  /** The id of the user at the vendor. Required by a recipe whose token names the user. */
  readonly userId?: string | undefined;
  /** The parameters that the caller sets. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  /** The person for whom the token is. Without it, no parameter is taken from a claim or checked against `allow`. */
  readonly principal?: Principal | undefined;
  /** The seconds that the token lives. Default: the option `expiresInSeconds`. */
  readonly expiresInSeconds?: number | undefined;
  /** Called after each step with everything that the next one may read, secrets included. For the trial of a recipe. */
  readonly onStep?: ((values: Readonly<Record<string, unknown>>) => void) | undefined;
}

/** What the options of a recipe's connection hold, apart from its credentials. */
export interface RecipeOptions extends Readonly<Record<string, unknown>> {
  readonly set?: SetOption | undefined;
  readonly allow?: AllowOption | undefined;
  readonly expiresInSeconds?: number | undefined;
  readonly baseUrl?: string | undefined;
  readonly cache?: { readonly minRemainingSeconds: number } | undefined;
}
