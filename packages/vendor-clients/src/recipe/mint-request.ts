import type { CallOptions, Clock, Principal } from '@valetkey/core-types';
import type { Credential } from '../kit/credentials.ts';
import type { Door } from '../kit/door/door.ts';
import type { VendorName } from '../kit/door/response.ts';
import type { AllowOption, SetOption } from './parameters.ts';
import type { SlotValue } from './signing-keys.ts';

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
  readonly tokenUrl?: string | undefined;
  readonly cache?: { readonly minRemainingSeconds: number } | undefined;
}

/** What a recipe needs to mint for one connection. */
export interface MintDependencies {
  readonly vendor: VendorName;
  readonly options: RecipeOptions;
  readonly credentials: Readonly<Record<string, Credential<SlotValue>>>;
  readonly door: Door | undefined;
  readonly baseUrl: string | undefined;
  /** The door to the token endpoint of `service`. */
  readonly tokenDoor: Door | undefined;
  readonly clock: Clock;
  readonly createUuid: () => string;
}
