import { sandboxMarker, type SampleJson, type SampleRequest, type VendorSample } from '@valetkey/core-types';
import type { Recipe } from './recipe-schema.ts';
import { createSamplePatterns } from './sample-patterns.ts';
import { createEnsureResponses, createStepResponse, createVerifyResponse } from './sample-responses.ts';
import { listConnectionValues, listCallerValues } from './connection-values.ts';

const defaultLifetimeSeconds = 3_600;

/**
 * Returns what the sandbox needs to simulate the vendor of a recipe: plain data, without a secret. A credential is a constant
 * that contains `sandbox-only`, so that a broker in production refuses it.
 *
 * @example
 * ```ts
 * import { createSandbox, simulateRecipe } from '@valetkey/sandbox';
 * import { defineRecipe, sampleOf } from '@valetkey/vendor-clients/recipe';
 * import { acme } from './acme.recipe.ts';
 *
 * const simulation = simulateRecipe(sampleOf(defineRecipe(acme).recipe));
 * const sandbox = await createSandbox({ simulations: [simulation] });
 * ```
 */
export function sampleOf(recipe: Recipe): VendorSample {
  const { id, title, secrets, subject, life } = recipe;
  return {
    id,
    title,
    credentials: Object.fromEntries(
      Object.entries(secrets).map(([name, { type }]) => [
        name,
        type === 'rsa-private-key' || type === 'ec-private-key'
          ? { privateKey: type === 'rsa-private-key' ? 'rsa' : 'ec' }
          : `${sandboxMarker}-${id}-${toWords(name)}`,
      ]),
    ),
    requests: listRequests(recipe),
    lifetimeSeconds: life?.default ?? defaultLifetimeSeconds,
    failure: describeFailures(recipe),
    connection: listConnectionValues(recipe),
    userFromClaim: subject?.givenBy === 'vendor',
    parameters: listCallerValues(recipe),
  };
}

function listRequests(recipe: Recipe): readonly SampleRequest[] {
  const { steps, ensure, verify } = recipe;
  const requestOf = createSamplePatterns(recipe);
  const ofSteps = steps.flatMap((step) =>
    'http' in step ? [{ ...requestOf(step.http), response: createStepResponse(recipe, step) }] : [],
  );
  const ofVerify = verify === undefined ? [] : [{ ...requestOf(verify), response: createVerifyResponse(verify) }];
  if (ensure === undefined) return [...ofSteps, ...ofVerify];
  const { created, found, conflict } = createEnsureResponses(ensure);
  const create: SampleRequest = { ...requestOf(ensure.create), response: created, user: 'create', conflict };
  const ofFind: SampleRequest[] =
    ensure.find === undefined ? [] : [{ ...requestOf(ensure.find), response: found, user: 'find' }];
  return [...ofFind, create, ...ofSteps, ...ofVerify];
}

/** Returns the fields that the vendor's errors have, as far as the recipe reads them. */
function describeFailures({ errors, errorFields = [], verify }: Recipe): VendorSample['failure'] {
  const known = errors.flatMap(({ status, when }) => (when === undefined ? [] : [{ status, fields: when }]));
  const read = [...known.map(({ fields }) => fields), verify?.refusal?.when ?? {}].flatMap(Object.keys);
  const names = [...new Set([...errorFields, ...read])];
  return { paths: names.map((name) => name.split('.')), known: known as { status: number; fields: FieldValues }[] };
}

type FieldValues = Readonly<Record<string, SampleJson>>;

function toWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
