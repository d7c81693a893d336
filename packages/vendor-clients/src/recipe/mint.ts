import { ValetKeyError, type CallOptions, type IssuedToken } from '@valetkey/core-types';
import type { Operation } from '../kit/door/door.ts';
import { compileAnswer } from './answer.ts';
import { compileSteps, type Mint } from './compile-steps.ts';
import { compileEnsure, type EnsuredUser } from './ensure.ts';
import { meaningsOf } from './meanings.ts';
import type { MintDependencies, MintRequest } from './mint-request.ts';
import { compileParameters } from './read-parameters.ts';
import type { Recipe } from './recipe-schema.ts';
import { compileRevoke } from './revoke.ts';
import { createSecretUse, keysOf, textsOf, type Secrets } from './secret-use.ts';
import { listResponses } from './uses.ts';

/** Compiles a recipe for one connection. */
export function compileMint(recipe: Recipe, dependencies: MintDependencies) {
  const { vendor, options, door, baseUrl, clock, createUuid } = dependencies;
  const settings = { meanings: meaningsOf(recipe), baseUrl, clock, vendor, responses: listResponses(recipe) };
  const steps = compileSteps(recipe.steps, settings);
  const answerOf = compileAnswer(recipe.answer, vendor);
  const ensure = recipe.ensure === undefined ? undefined : compileEnsure(recipe.ensure, settings);
  const withdraw = recipe.revoke === undefined ? undefined : compileRevoke(recipe.revoke, settings);
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
  const useSecrets = createSecretUse(recipe.service, dependencies);

  return {
    async issue(request: MintRequest): Promise<IssuedToken> {
      const { userId, expiresInSeconds = options.expiresInSeconds, onStep } = request;
      const parameters = readParameters(request);
      const operation = beginOperation(request);
      let hasEffect = false;
      const onEffect = () => void (hasEffect = true);
      const mintWith = async (secrets: Secrets, service: { readonly token: string } | undefined) => {
        const values = { ...valuesFor(secrets, expiresInSeconds), service, parameters, user: { id: userId } };
        const mint = { values, keys: keysOf(secrets), operation, onEffect };
        await runSteps(steps, mint, onStep);
        return answerOf(mint);
      };
      // A later refusal must not send the first requests again with the other slot.
      return useSecrets(operation, mintWith, { repeatable: () => !hasEffect });
    },
    /** Finds or creates the user. `name` is our name for the person. */
    async ensureUser(name: string, call: CallOptions = {}): Promise<EnsuredUser> {
      if (ensure === undefined) return { vendorUserId: name, created: false };
      const operation = beginOperation(call);
      return useSecrets(operation, async (secrets, service) =>
        ensure({ ...valuesFor(secrets, undefined), service, user: { id: name } }, operation()),
      );
    },
    /** Withdraws every token of a user. */
    async revoke(userId: string, call: CallOptions = {}): Promise<void> {
      const operation = beginOperation(call);
      await useSecrets(operation, async (secrets, service) => {
        const values = { ...valuesFor(secrets, undefined), service, user: { id: userId } };
        await withdraw?.(values, operation());
      });
    },
    /** Runs a request with the secrets, and nothing of a caller. */
    async run(call: CallOptions, send: (values: Record<string, unknown>, operation: Operation) => Promise<unknown>) {
      const operation = beginOperation(call);
      return useSecrets(operation, async (secrets, service) =>
        send({ ...valuesFor(secrets, options.expiresInSeconds), service }, operation()),
      );
    },
  };
}

async function runSteps(
  steps: ReturnType<typeof compileSteps>,
  mint: Mint,
  onStep: MintRequest['onStep'],
): Promise<void> {
  for (const step of steps) {
    const running = step(mint);
    // A step without a request has no promise, and costs no turn of the loop.
    if (running !== undefined) await running;
    onStep?.(mint.values);
  }
}
