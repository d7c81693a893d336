import type { Clock, VendorKeyKind, VendorSample } from '@valetkey/core-types';
import { z } from 'zod';
import { control, type Control } from '../engine/controls.ts';
import { createCredentialList, credentialsSchema, type CredentialList } from '../engine/credential-list.ts';
import { privateKeyOf } from '../engine/private-keys.ts';
import { toCamelCase } from '../engine/simulation-list.ts';
import type { RunningSimulation, ServiceSummary, Simulation } from '../engine/simulation.ts';
import { createFailures } from './failures.ts';
import { createResponder } from './respond.ts';
import { groupByRoute, type RouteGroup } from './routes.ts';

type None = Readonly<Record<never, never>>;

/** The simulation of a recipe. Its credentials and controls are known at run time alone. */
export type RecipeSimulation = Simulation<
  string,
  Readonly<Record<string, ServiceSummary>>,
  None,
  None,
  z.ZodObject<None, z.core.$strict>,
  None,
  None
>;

/**
 * Simulates a vendor from the data of its recipe, without code. A request that the recipe does not send is refused with 400, and
 * one with a wrong credential with 401. Tokens are different in each response, and expire as the request asks.
 *
 * @param sample - The result of `sampleOf` of `@valetkey/vendor-clients/recipe`.
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
 * console.log(sandbox.connections['deepgram']); // the options of the broker's connection
 * await sandbox.close();
 * ```
 */
export function simulateRecipe(sample: VendorSample): RecipeSimulation {
  const { id, title, credentials, requests, connection, tokenPath, userFromClaim } = sample;
  const groups = groupByRoute(requests);
  const texts: Record<string, string> = {};
  const privateKeys: Record<string, VendorKeyKind> = {};
  for (const [name, value] of Object.entries(credentials)) {
    if (typeof value === 'string') texts[name] = value;
    else {
      privateKeys[name] = value.privateKey;
      // Begins now, so that the key is ready when the sandbox starts.
      void privateKeyOf(value.privateKey);
    }
  }
  return {
    id,
    title,
    // A vendor whose tokens are made without a call has no service.
    services: groups.length === 0 ? {} : { [id]: summarize(title, groups) },
    credentials: texts,
    privateKeys,
    signingKeys: {},
    options: z.strictObject({}),
    dev: ({ urls, credentials: accepted, issuer }) => ({
      ...connection,
      ...accepted,
      ...(groups.length > 0 && { baseUrl: urls[toCamelCase(id)] }),
      ...(tokenPath !== undefined && { tokenUrl: `${urls[toCamelCase(id)]}${tokenPath}` }),
      ...(userFromClaim && { user: { claim: 'sub', issuer } }),
    }),
    simulate: ({ clock }) => (groups.length === 0 ? { services: {} } : start(sample, groups, texts, clock)),
  };
}

function summarize(title: string, groups: readonly RouteGroup[]): ServiceSummary {
  const shown = groups.find(({ requests }) => requests.some(({ user }) => user === undefined)) ?? groups[0];
  return { title, sample: shown?.route.replace('GET ', 'GET  ') ?? '', simulates: 'the requests of its recipe' };
}

function start(
  sample: VendorSample,
  groups: readonly RouteGroup[],
  texts: Readonly<Record<string, string>>,
  clock: Clock,
): RunningSimulation<string, Readonly<Record<string, Control>>, None> {
  const accepted = new Map<string, CredentialList>(
    Object.entries(texts).map(([name, text]) => [name, createCredentialList([text])]),
  );
  const failures = createFailures(sample.failure);
  const respond = createResponder(sample, { accepted, failures, clock });
  const credentials = Object.fromEntries(Object.keys(texts).map((name) => [name, credentialsSchema.optional()]));
  return {
    services: {
      [sample.id]: {
        failure: failures.failure,
        routes: Object.fromEntries(groups.map(({ route, requests }) => [route, (call) => respond(requests, call)])),
      },
    },
    controls: {
      setCredentials: control(z.strictObject(credentials), (next) => {
        for (const [name, values] of Object.entries(next)) {
          if (values !== undefined) accepted.get(name)?.replace(values);
        }
      }),
    },
  };
}
