import {
  ValetKeyError,
  VendorSetupError,
  type CachePolicy,
  type CallOptions,
  type IssuedToken,
  type TokenLifetime,
} from '@valetkey/core-types';
import type { z } from 'zod';
import type { CredentialDeclaration } from '../kit/credentials.ts';
import { defineVendor, type DefinedVendor, type VendorAbilities, type VendorClient } from '../kit/define-vendor.ts';
import { invalidResponseError } from '../kit/door/response.ts';
import { issueForAccount, issueForUser } from '../kit/issue-ability.ts';
import { checkRecipe } from './check-recipe.ts';
import { toProxyVendor, type ProxyRecipeVendor } from './define-proxy.ts';
import { compileEndpoint } from './endpoint.ts';
import { meaningsOf } from './meanings.ts';
import type { MintRequest, RecipeOptions } from './mint-request.ts';
import { compileMint } from './mint.ts';
import { compileParameters } from './read-parameters.ts';
import { createCallerSchema, listClaims, type CallerParameters } from './parameters.ts';
import type { ProxyRecipe, ProxyRecipeInput } from './proxy-schema.ts';
import { createOptions } from './recipe-options.ts';
import type { Recipe, RecipeInput } from './recipe-schema.ts';
import { declareSecret, openSlots } from './signing-keys.ts';
import { compileSubject } from './subject.ts';
import { compileValue } from './template.ts';
import { compileVerify, errorBodyOf } from './verify-recipe.ts';

/** A client that is made from a recipe. */
export interface RecipeClient extends VendorClient {
  /** Issues a token. Rejects with the vendor codes of the error table. */
  readonly issue: (request?: MintRequest) => Promise<IssuedToken>;
  /** Withdraws every token of a user, if the recipe says how; else it does nothing. */
  readonly revoke: (userId: string, options?: CallOptions) => Promise<void>;
  /** Finds or creates the user of a person, whom `name` names. */
  readonly ensureUser: (
    name: string,
    options?: CallOptions,
  ) => Promise<{ readonly vendorUserId: string; readonly created: boolean }>;
}

/** A recipe that issues tokens, or one that forwards calls. */
export type AnyRecipeInput = RecipeInput | ProxyRecipeInput;
/** The vendor of a recipe of either kind. */
export type AnyRecipeVendor = RecipeVendor | ProxyRecipeVendor;

type Credentials = Readonly<Record<string, CredentialDeclaration>>;

/** A vendor that is made from a recipe. */
export interface RecipeVendor extends DefinedVendor<Credentials, z.ZodRawShape, RecipeClient> {
  readonly recipe: Recipe;
}

/**
 * Defines a vendor by data. The recipe is checked and compiled once; the result is a vendor as `defineVendor` returns it.
 *
 * Throws a `VendorSetupError` that names every place where the recipe is wrong or would let a caller change the meaning of
 * what is sent.
 *
 * @example
 * ```ts
 * import { defineRecipe } from '@valetkey/vendor-clients/recipe';
 *
 * export const acme = defineRecipe({
 *   id: 'acme',
 *   title: 'Acme',
 *   secrets: { apiSecret: { description: 'The API secret of the Acme dashboard.' } },
 *   subject: { characters: 'A-Za-z0-9_-', max: 64, otherwise: 'hash' },
 *   binding: 'user',
 *   keep: 'never',
 *   life: { default: 600, max: 3_600 },
 *   steps: [
 *     {
 *       as: 'token',
 *       jwt: {
 *         header: { alg: 'HS256', typ: 'JWT' },
 *         claims: { sub: '{user.id}', iat: '{now}', exp: '{expiry}' },
 *         key: '{secrets.apiSecret}',
 *       },
 *     },
 *   ],
 *   answer: { token: { token: '{token}' }, expiry: 'asked' },
 * });
 * ```
 */
export function defineRecipe(data: ProxyRecipeInput): ProxyRecipeVendor;
export function defineRecipe(data: RecipeInput): RecipeVendor;
export function defineRecipe(data: AnyRecipeInput): AnyRecipeVendor {
  const check = checkRecipe(data);
  if ('recipe' in check) return toVendor(check.recipe);
  const problems = check.problems.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`));
  throw new VendorSetupError(`The recipe cannot be used: ${problems.join('; ')}.`);
}

/** Returns whether the recipe of a vendor issues tokens. Otherwise it forwards calls. */
export function issuesTokens(vendor: AnyRecipeVendor): vendor is RecipeVendor {
  return 'steps' in vendor.recipe;
}

/** Makes a vendor of a recipe that `checkRecipe` returned. */
export function toVendor(recipe: Recipe): RecipeVendor;
export function toVendor(recipe: Recipe | ProxyRecipe): AnyRecipeVendor;
export function toVendor(recipe: Recipe | ProxyRecipe): AnyRecipeVendor {
  return 'proxy' in recipe ? toProxyVendor(recipe) : toIssuingVendor(recipe);
}

function toIssuingVendor(recipe: Recipe): RecipeVendor {
  const secrets = Object.entries(recipe.secrets);
  const vendor = defineVendor<Credentials, z.ZodRawShape, RecipeClient>({
    id: recipe.id,
    title: recipe.title,
    errorBody: errorBodyOf(recipe),
    credentials: Object.fromEntries(secrets.map(([name, field]) => [name, declareSecret(field)])),
    options: createOptions(recipe),
    connect({ vendor: name, options, credentials, openDoor, clock, createUuid }) {
      const settings = options as RecipeOptions;
      const urlOf = (template: string | undefined) =>
        template === undefined ? undefined : String(compileValue(template)({ options: settings }));
      const baseUrl = settings.baseUrl ?? urlOf(recipe.baseUrl);
      const tokenUrl = settings.tokenUrl ?? urlOf(recipe.service?.tokenUrl);
      const door = baseUrl === undefined ? undefined : openDoor(baseUrl);
      const tokenDoor = tokenUrl === undefined ? undefined : openDoor(tokenUrl);
      const slots = openSlots(recipe.secrets, credentials);
      const mint = compileMint(recipe, {
        vendor: name,
        options: settings,
        credentials: slots,
        door,
        baseUrl,
        tokenDoor,
        clock,
        createUuid,
      });
      const verify = compileVerify(recipe, {
        meanings: meaningsOf(recipe),
        baseUrl,
        clock,
        vendor: name,
        responses: new Set(),
      });
      return {
        issue: (request = {}) => mint.issue(request),
        ensureUser: mint.ensureUser,
        revoke: mint.revoke,
        verify: (call = {}) => verify((send) => mint.run(call, send)),
      } as RecipeClient;
    },
    abilities(client, { options, credentials }) {
      const versions = Object.values(credentials).map(({ version }) => version);
      return createAbilities(recipe, client, options as RecipeOptions, versions.join('.'));
    },
  });
  return { ...vendor, recipe };
}

type Issued = Omit<MintRequest, 'parameters'> & { readonly parameters: CallerParameters };

function createAbilities(
  recipe: Recipe,
  client: RecipeClient,
  options: RecipeOptions,
  secretVersion: string,
): VendorAbilities {
  const { subject, parameters: declared, life, answer } = recipe;
  const { expiresInSeconds, set = {}, allow = {} } = options;
  const [plainTextField = ''] = Object.keys(answer.token);
  const shared = {
    parameters: createCallerSchema(declared, expiresInSeconds, life?.min),
    plainTextField,
    exchange: {
      field: plainTextField,
      issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      tokenType: 'N_A' as const,
    },
    lifetime: createLifetime(recipe, expiresInSeconds),
  };
  const claims = listClaims(set, allow);
  const endpoint = recipe.endpoint === undefined ? undefined : compileEndpoint(recipe.endpoint);
  const issue = ({ parameters: { expires_in_seconds: seconds, ...parameters }, ...request }: Issued) =>
    client.issue({ ...request, parameters, expiresInSeconds: seconds });
  if (subject === undefined) {
    const cache = createCache(recipe, options, secretVersion);
    return { claims, endpoint, issue: issueForAccount<CallerParameters>({ ...shared, cache, issue }) };
  }
  const { fits, nameOf } = compileSubject(subject);
  return {
    claims,
    endpoint,
    revoke: recipe.revoke === undefined ? undefined : (userId, call) => client.revoke(userId, call),
    users:
      subject.givenBy === 'vendor'
        ? undefined
        : {
            nameOf,
            async ensureUser(externalId, call) {
              const user = await client.ensureUser(nameOf(externalId) ?? refuseName(recipe), call);
              // The broker stores it, so that an id that the vendor does not accept would lock the person out.
              if (!fits(user.vendorUserId)) throw invalidResponseError(recipe, 'field:user_id');
              return user;
            },
          },
    issue: issueForUser<CallerParameters>({
      ...shared,
      issue: async ({ vendorUserId, ...request }) =>
        fits(vendorUserId) ? issue({ ...request, userId: vendorUserId }) : refuseName(recipe),
    }),
  };
}

function createLifetime({ life }: Recipe, most: number | undefined): TokenLifetime<CallerParameters> | undefined {
  if (life === undefined || most === undefined) return undefined;
  return {
    minSeconds: life.min,
    shorten: (parameters, maxSeconds) => ({
      ...parameters,
      expires_in_seconds: Math.min(parameters.expires_in_seconds ?? most, maxSeconds),
    }),
  };
}

function createCache(
  recipe: Recipe,
  options: RecipeOptions,
  secretVersion: string,
): CachePolicy<CallerParameters> | undefined {
  const { id } = recipe;
  const { cache, baseUrl = '' } = options;
  if (cache === undefined) return undefined;
  const readParameters = compileParameters(recipe, options);
  return {
    ...cache,
    // A kept token is returned only to a caller who may have one with these parameters.
    key: ({ principal, parameters: { expires_in_seconds: seconds, ...parameters } }) => ({
      vendor: id,
      resource: baseUrl,
      scope: JSON.stringify([seconds, readParameters({ principal, parameters })]),
      secretVersion,
    }),
  };
}

function refuseName({ id, title }: Recipe): never {
  throw new ValetKeyError('vendor_user_not_found', `${title} accepts no user with an id of this form.`, {
    vendor: id,
    reason: 'user_id_form',
    advice: `Map the user to an id that ${title} accepts.`,
  });
}
