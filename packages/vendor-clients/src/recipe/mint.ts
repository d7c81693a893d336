import { ValetKeyError, type CallOptions, type Clock, type IssuedToken } from '@valetkey/core-types';
import type { KeyObject } from 'node:crypto';
import { createAccessTokenKeeper, type AccessTokenKeeper } from '../kit/access-token-keeper.ts';
import { requestClientCredentialsToken, type GrantedToken } from '../kit/client-credentials.ts';
import type { Credential } from '../kit/credentials.ts';
import type { Door, Operation } from '../kit/door/door.ts';
import type { VendorName } from '../kit/door/response.ts';
import { compileAnswer } from './answer.ts';
import { compileSteps } from './compile-steps.ts';
import { compileEnsure } from './ensure.ts';
import { meaningsOf } from './meanings.ts';
import type { MintRequest, RecipeOptions } from './mint-request.ts';
import { compileParameters } from './read-parameters.ts';
import type { Recipe, RecipeService } from './recipe-schema.ts';
import type { SlotValue } from './signing-keys.ts';
import { compileValue } from './template.ts';

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

type Secrets = Readonly<Record<string, SlotValue>>;

/** Compiles a recipe for one connection. */
export function compileMint(recipe: Recipe, dependencies: MintDependencies) {
  const { vendor, options, credentials, door, clock, createUuid } = dependencies;
  const settings = { meanings: meaningsOf(recipe), baseUrl: dependencies.baseUrl, clock };
  const steps = compileSteps(recipe.steps, settings);
  const answerOf = compileAnswer(recipe.answer, vendor);
  const ensure = recipe.ensure === undefined ? undefined : compileEnsure(recipe.ensure, settings);
  const readParameters = compileParameters(recipe, options);

  const valuesFor = (secrets: Secrets, lifeSeconds: number | undefined): Record<string, unknown> => {
    const now = Math.floor(clock.nowMs() / 1_000);
    const life = lifeSeconds === undefined ? {} : { life: lifeSeconds, expiry: now + lifeSeconds };
    return { secrets: textsOf(secrets), options, now, uuid: createUuid(), ...life };
  };
  const beginOperation = (call: CallOptions): (() => Operation) => {
    let operation: Operation | undefined;
    return () => {
      operation ??= door?.begin(call);
      if (operation === undefined) throw new ValetKeyError('internal', 'This recipe has no base URL.');
      return operation;
    };
  };
  const useSecrets = createSecretUse(credentials);
  const useService =
    recipe.service === undefined ? undefined : createServiceUse(recipe.service, dependencies, useSecrets);
  /** Calls with the secrets and, if the recipe has `service`, with its access token. */
  const useAll = <Result>(
    operation: () => Operation,
    call: (secrets: Secrets, service?: { readonly token: string }) => Promise<Result>,
  ): Promise<Result> =>
    useSecrets((secrets) =>
      useService === undefined
        ? call(secrets)
        : useService.use(operation(), (token) => call(secrets, { token: token.reveal() })),
    );

  return {
    async issue(request: MintRequest): Promise<IssuedToken> {
      const { userId, expiresInSeconds = options.expiresInSeconds } = request;
      const parameters = readParameters(request);
      const operation = beginOperation(request);
      return useAll(operation, async (secrets, service) => {
        const values = { ...valuesFor(secrets, expiresInSeconds), service };
        const mint = { values: { ...values, parameters, user: { id: userId } }, keys: keysOf(secrets), operation };
        for (const step of steps) {
          const running = step(mint);
          if (running !== undefined) await running;
        }
        return answerOf(mint);
      });
    },
    /** Finds or creates the user. `name` is our name for the person. */
    async ensureUser(name: string, call: CallOptions = {}) {
      if (ensure === undefined) return { vendorUserId: name, created: false };
      const operation = beginOperation(call);
      return useAll(operation, async (secrets, service) =>
        ensure({ ...valuesFor(secrets, undefined), service, user: { id: name } }, operation()),
      );
    },
    /** Runs a request with the secrets, and nothing of a caller. */
    async run(call: CallOptions, send: (values: Record<string, unknown>, operation: Operation) => Promise<unknown>) {
      const operation = beginOperation(call);
      return useAll(operation, async (secrets, service) =>
        send({ ...valuesFor(secrets, options.expiresInSeconds), service }, operation()),
      );
    },
  };
}

function keysOf(secrets: Secrets): Readonly<Record<string, KeyObject>> {
  const keys: Record<string, KeyObject> = {};
  for (const name of Object.keys(secrets)) keys[name] = (secrets[name] as SlotValue).key;
  return keys;
}

/** Returns a function that calls with one slot of each credential, and with the other slot of one that the vendor refuses. */
function createSecretUse(credentials: Readonly<Record<string, Credential<SlotValue>>>) {
  const names = Object.keys(credentials);
  const use = async <Result>(
    index: number,
    taken: Record<string, SlotValue>,
    call: (secrets: Secrets) => Promise<Result>,
  ): Promise<Result> => {
    const name = names[index];
    const credential = name === undefined ? undefined : credentials[name];
    if (name === undefined || credential === undefined) return call(taken);
    return credential.use((value) => use(index + 1, { ...taken, [name]: value }, call));
  };
  return <Result>(call: (secrets: Secrets) => Promise<Result>): Promise<Result> => use(0, {}, call);
}

/** Creates the keeper of the access token that a vendor grants to the broker itself. */
function createServiceUse(
  service: RecipeService,
  { tokenDoor, options, clock }: MintDependencies,
  useSecrets: ReturnType<typeof createSecretUse>,
): AccessTokenKeeper {
  const fieldsOf = compileValue({ client_id: service.clientId, client_secret: service.clientSecret });
  const request = (): Promise<GrantedToken> =>
    useSecrets((secrets) => {
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

function textsOf(secrets: Secrets): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(secrets).map(([name, { text }]) => [name, text]));
}
