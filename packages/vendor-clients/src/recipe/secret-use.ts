import { ValetKeyError } from '@valetkey/core-types';
import type { KeyObject } from 'node:crypto';
import { createAccessTokenKeeper, type AccessTokenKeeper } from '../kit/access-token-keeper.ts';
import { requestClientCredentialsToken } from '../kit/client-credentials.ts';
import type { Credential, UseOptions } from '../kit/credentials.ts';
import type { Operation } from '../kit/door/door.ts';
import type { MintDependencies } from './mint-request.ts';
import type { RecipeService } from './recipe-schema.ts';
import type { SlotValue } from './signing-keys.ts';
import { compileValue } from './template.ts';

/** One slot of each secret of a recipe, by name. */
export type Secrets = Readonly<Record<string, SlotValue>>;

/** Calls with the secrets and, if the recipe has `service`, with the broker's own access token. */
export type UseSecrets = <Result>(
  operation: () => Operation,
  call: (secrets: Secrets, service: { readonly token: string } | undefined) => Promise<Result>,
  options?: UseOptions,
) => Promise<Result>;

/** Creates the function that calls with the secrets of a connection. */
export function createSecretUse(service: RecipeService | undefined, dependencies: MintDependencies): UseSecrets {
  const useSlots = createSlotUse(dependencies.credentials);
  if (service === undefined) {
    return (_operation, call, options) => useSlots((secrets) => call(secrets, undefined), options);
  }
  const keeper = createServiceKeeper(service, dependencies, useSlots);
  return (operation, call, options) =>
    useSlots((secrets) => keeper.use(operation(), (token) => call(secrets, { token: token.reveal() })), options);
}

type UseSlots = <Result>(call: (secrets: Secrets) => Promise<Result>, options?: UseOptions) => Promise<Result>;

/** Returns a function that calls with one slot of each credential, and with the other slot of one that the vendor refuses. */
export function createSlotUse(credentials: Readonly<Record<string, Credential<SlotValue>>>): UseSlots {
  const names = Object.keys(credentials);
  const use = async <Result>(
    index: number,
    taken: Secrets,
    call: (secrets: Secrets) => Promise<Result>,
    options: UseOptions | undefined,
  ): Promise<Result> => {
    const name = names[index];
    const credential = name === undefined ? undefined : credentials[name];
    if (name === undefined || credential === undefined) return call(taken);
    return credential.use((value) => use(index + 1, { ...taken, [name]: value }, call, options), options);
  };
  return (call, options) => use(0, {}, call, options);
}

/** Creates the keeper of the access token that a vendor grants to the broker itself. */
function createServiceKeeper(
  service: RecipeService,
  { tokenDoor, options, clock }: MintDependencies,
  useSlots: UseSlots,
): AccessTokenKeeper {
  const fieldsOf = compileValue({ client_id: service.clientId, client_secret: service.clientSecret });
  const request = () =>
    useSlots((secrets) => {
      const fields = fieldsOf({ options, secrets: textsOf(secrets) }) as Record<string, string>;
      if (tokenDoor === undefined) throw new ValetKeyError('internal', 'This recipe has no token endpoint.');
      return requestClientCredentialsToken(tokenDoor.begin(), {
        authenticate: () => fields,
        scope: service.scope,
        encoding: service.encoding,
        advice: 'Check the id and the secret of the client.',
        clock,
      });
    });
  return createAccessTokenKeeper(request, clock);
}

/** Returns the texts that requests send. */
export function textsOf(secrets: Secrets): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(secrets).map(([name, { text }]) => [name, text]));
}

/** Returns the keys that sign. */
export function keysOf(secrets: Secrets): Readonly<Record<string, KeyObject>> {
  return Object.fromEntries(Object.entries(secrets).map(([name, { key }]) => [name, key]));
}
