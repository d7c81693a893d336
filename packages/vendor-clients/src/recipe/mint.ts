import { ValetKeyError, type CallOptions, type Clock, type IssuedToken } from '@valetkey/core-types';
import type { KeyObject } from 'node:crypto';
import type { Credential } from '../kit/credentials.ts';
import type { Door, Operation } from '../kit/door/door.ts';
import type { VendorName } from '../kit/door/response.ts';
import { compileAnswer } from './answer.ts';
import { compileSteps } from './compile-steps.ts';
import { compileEnsure } from './ensure.ts';
import { meaningsOf } from './meanings.ts';
import type { MintRequest, RecipeOptions } from './mint-request.ts';
import { compileParameters } from './read-parameters.ts';
import type { Recipe } from './recipe-schema.ts';
import type { SlotValue } from './signing-keys.ts';

export interface MintDependencies {
  readonly vendor: VendorName;
  readonly options: RecipeOptions;
  readonly credentials: Readonly<Record<string, Credential<SlotValue>>>;
  readonly door: Door | undefined;
  readonly clock: Clock;
  readonly createUuid: () => string;
}

type Secrets = Readonly<Record<string, SlotValue>>;

/** Compiles a recipe for one connection. */
export function compileMint(recipe: Recipe, dependencies: MintDependencies) {
  const { vendor, options, credentials, door, clock, createUuid } = dependencies;
  const meanings = meaningsOf(recipe);
  const steps = compileSteps(recipe.steps, meanings);
  const answerOf = compileAnswer(recipe.answer, vendor);
  const ensure = recipe.ensure === undefined ? undefined : compileEnsure(recipe.ensure, meanings);
  const readParameters = compileParameters(recipe, options);

  const valuesFor = (secrets: Secrets, lifeSeconds: number | undefined): Record<string, unknown> => {
    const now = Math.floor(clock.nowMs() / 1_000);
    const texts = Object.fromEntries(Object.entries(secrets).map(([name, { text }]) => [name, text]));
    const life = lifeSeconds === undefined ? {} : { life: lifeSeconds, expiry: now + lifeSeconds };
    return { secrets: texts, options, now, uuid: createUuid(), ...life };
  };
  const beginOperation = (call: CallOptions): (() => Operation) => {
    let operation: Operation | undefined;
    return () => {
      operation ??= door?.begin(call);
      if (operation === undefined) throw new ValetKeyError('internal', 'This recipe has no base URL.');
      return operation;
    };
  };
  const useAll = createSecretUse(credentials);

  return {
    async issue(request: MintRequest): Promise<IssuedToken> {
      const { userId, expiresInSeconds = options.expiresInSeconds, onStep } = request;
      const parameters = readParameters(request);
      const operation = beginOperation(request);
      return useAll(async (secrets) => {
        const values = valuesFor(secrets, expiresInSeconds);
        values['parameters'] = parameters;
        values['user'] = { id: userId };
        const mint = { values, keys: keysOf(secrets), operation };
        for (const step of steps) {
          const running = step(mint);
          if (running !== undefined) await running;
          onStep?.(mint.values);
        }
        return answerOf(mint);
      });
    },
    /** Finds or creates the user. `name` is our name for the person. */
    async ensureUser(name: string, call: CallOptions = {}) {
      if (ensure === undefined) return { vendorUserId: name, created: false };
      const operation = beginOperation(call);
      return useAll(async (secrets) => ensure({ ...valuesFor(secrets, undefined), user: { id: name } }, operation()));
    },
    /** Runs a request with the secrets, and nothing of a caller. */
    async run(call: CallOptions, send: (values: Record<string, unknown>, operation: Operation) => Promise<unknown>) {
      const operation = beginOperation(call);
      return useAll(async (secrets) => send(valuesFor(secrets, options.expiresInSeconds), operation()));
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
