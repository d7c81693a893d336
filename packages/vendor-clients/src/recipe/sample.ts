import {
  sandboxMarker,
  type SampleJson,
  type SampleRequest,
  type VendorKeyKind,
  type VendorSample,
} from '@valetkey/core-types';
import { isPrivateKeyType, type PrivateKeyType } from './field-schemas.ts';
import type { Recipe, RecipeService } from './recipe-schema.ts';
import { createSamplePatterns, serviceToken } from './sample-patterns.ts';
import {
  createEmptyResponse,
  createEnsureResponses,
  createStepResponse,
  createVerifyResponse,
} from './sample-responses.ts';
import { listConnectionValues, listCallerValues } from './connection-values.ts';

const defaultLifetimeSeconds = 3_600;
const tokenPath = '/service-token';

/**
 * Returns what the sandbox needs to simulate the vendor of a recipe: plain data, without a secret. A credential is a constant
 * that contains `sandbox-only`, so that a broker in production refuses it.
 *
 * @example
 * ```ts
 * import { createSandbox, simulateRecipe } from '@valetkey/sandbox';
 * import { findRecipe } from '@valetkey/vendor-clients';
 * import { sampleOf } from '@valetkey/vendor-clients/recipe';
 *
 * const deepgram = findRecipe('deepgram');
 * const simulations = deepgram === undefined ? [] : [simulateRecipe(sampleOf(deepgram.recipe))];
 * const sandbox = await createSandbox({ simulations });
 * await sandbox.close();
 * ```
 */
export function sampleOf(recipe: Recipe): VendorSample {
  const { id, title, secrets, service, subject, life } = recipe;
  return {
    id,
    title,
    credentials: Object.fromEntries(
      Object.entries(secrets).map(([name, { type }]) => [
        name,
        isPrivateKeyType(type) ? { privateKey: keyKindOf(type) } : `${sandboxMarker}-${id}-${toWords(name)}`,
      ]),
    ),
    requests: listRequests(recipe),
    ...(service !== undefined && { tokenPath }),
    lifetimeSeconds: life?.default ?? defaultLifetimeSeconds,
    failure: describeFailures(recipe),
    connection: listConnectionValues(recipe),
    userFromClaim: subject?.givenBy === 'vendor',
    parameters: listCallerValues(recipe),
  };
}

function listRequests(recipe: Recipe): readonly SampleRequest[] {
  const { steps, ensure, revoke, verify, service } = recipe;
  const requestOf = createSamplePatterns(recipe);
  const ofSteps = steps.flatMap((step) =>
    'http' in step ? [{ ...requestOf(step.http), response: createStepResponse(recipe, step) }] : [],
  );
  const ofVerify = verify === undefined ? [] : [{ ...requestOf(verify), response: createVerifyResponse(verify) }];
  const ofRevoke: SampleRequest[] =
    revoke === undefined ? [] : [{ ...requestOf(revoke.http), response: createEmptyResponse(revoke.http) }];
  const ofService = service === undefined ? [] : [describeGrant(service, requestOf)];
  if (ensure === undefined) return [...ofSteps, ...ofRevoke, ...ofVerify, ...ofService];
  const { created, found, conflict } = createEnsureResponses(ensure);
  const create: SampleRequest = { ...requestOf(ensure.create), response: created, user: 'create', conflict };
  const ofFind: SampleRequest[] =
    ensure.find === undefined ? [] : [{ ...requestOf(ensure.find), response: found, user: 'find' }];
  return [...ofFind, create, ...ofSteps, ...ofRevoke, ...ofVerify, ...ofService];
}

/** Returns the request for the access token of the broker itself. */
function describeGrant(service: RecipeService, requestOf: ReturnType<typeof createSamplePatterns>): SampleRequest {
  const { clientId, clientSecret, scope, encoding } = service;
  const fields = {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
    ...(scope !== undefined && { scope: scope.replaceAll(/[{}]/g, '$&$&') }),
  };
  return {
    ...requestOf({ method: 'POST', path: tokenPath, headers: {}, [encoding]: fields }),
    response: {
      status: 200,
      type: 'json',
      body: { access_token: 'sample-service-token', token_type: 'Bearer', expires_in: defaultLifetimeSeconds },
      unique: [['access_token']],
    },
    issues: serviceToken,
  };
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

/** Returns the kind of a key, as the sandbox names it. */
function keyKindOf(type: PrivateKeyType): VendorKeyKind {
  return type.slice(0, type.indexOf('-')) as VendorKeyKind;
}
