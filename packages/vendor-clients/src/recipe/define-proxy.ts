import type { ProxyRequest, ProxyResponse } from '@valetkey/core-types';
import { z } from 'zod';
import type { CredentialDeclaration } from '../kit/credentials.ts';
import { defineVendor, type DefinedVendor, type VendorClient } from '../kit/define-vendor.ts';
import { forwardOptions, type ForwardLimits } from '../kit/forward-call.ts';
import { baseUrlSchema } from '../kit/option-schemas.ts';
import { compileRefusal } from './endpoint.ts';
import { compileForward } from './forward-proxied.ts';
import { meaningsOf } from './meanings.ts';
import type { RecipeOptions } from './mint-request.ts';
import { compileProxiedCalls } from './proxied-calls.ts';
import type { ProxyRecipe } from './proxy-schema.ts';
import { createOptionSchema } from './recipe-options.ts';
import { createSlotUse, textsOf } from './secret-use.ts';
import { declareSecret, openSlots } from './signing-keys.ts';
import { compileValue } from './template.ts';
import { compileVerify, errorBodyOf } from './verify-recipe.ts';

type Credentials = Readonly<Record<string, CredentialDeclaration>>;

/** A client that is made from a recipe with `proxy`. */
export interface ProxyRecipeClient extends VendorClient {
  /** Forwards an allowed call with the configured credential. Rejects with `forbidden` and the vendor codes of the error table. */
  readonly forward: (request: ProxyRequest) => Promise<ProxyResponse>;
}

/** A vendor that is made from a recipe with `proxy`. */
export interface ProxyRecipeVendor extends DefinedVendor<Credentials, z.ZodRawShape, ProxyRecipeClient> {
  readonly recipe: ProxyRecipe;
}

/** Makes a vendor of a checked recipe with `proxy`. */
export function toProxyVendor(recipe: ProxyRecipe): ProxyRecipeVendor {
  const { id, title, secrets, proxy } = recipe;
  const declared = Object.entries(secrets).map(([name, field]) => [name, declareSecret(field)] as const);
  const vendor = defineVendor<Credentials, z.ZodRawShape, ProxyRecipeClient>({
    id,
    title,
    errorBody: errorBodyOf(recipe),
    credentials: Object.fromEntries(declared),
    options: createProxyOptions(recipe),
    connect({ vendor: name, options, credentials, openDoor, clock }) {
      const settings = options as RecipeOptions;
      const baseUrl = settings.baseUrl ?? String(compileValue(recipe.baseUrl)({ options: settings }));
      const door = openDoor(baseUrl);
      const slots = openSlots(secrets, credentials);
      const meanings = meaningsOf(recipe);
      const calls = compileProxiedCalls(proxy.calls, settings, name);
      const limits = options as unknown as ForwardLimits;
      const useSlots = createSlotUse(slots);
      const verify = compileVerify(recipe, { meanings, baseUrl, clock, vendor: name, responses: new Set() });
      return {
        forward: compileForward(proxy, { vendor: name, door, calls, credentials: slots, limits, meanings }),
        verify: (call = {}) =>
          verify((send) => {
            const operation = door.begin(call);
            return useSlots((values) => send({ secrets: textsOf(values), options: settings }, operation));
          }),
      } as ProxyRecipeClient;
    },
    abilities: ({ forward }, { vendor: name, options }) => ({
      proxy: {
        allow: compileProxiedCalls(proxy.calls, options as RecipeOptions, name).allow,
        carriers: proxy.carriers,
        refuse: compileRefusal(proxy.refuse),
        forward,
      },
    }),
  });
  return { ...vendor, recipe };
}

/** Returns the options of the vendor, apart from its credentials. A model may think for minutes before it responds. */
function createProxyOptions({ options, baseUrl }: ProxyRecipe): z.ZodRawShape {
  const own = Object.entries(options).map(([name, option]) => [name, createOptionSchema(option)] as const);
  const { streamTimeoutMs, maxRequestBytes, maxResponseBytes } = forwardOptions;
  return {
    ...Object.fromEntries(own),
    baseUrl: baseUrlSchema.optional().describe(`The URL of the API. Absent: ${baseUrl}.`),
    streamTimeoutMs: streamTimeoutMs
      .removeDefault()
      .default(600_000)
      .describe(streamTimeoutMs.description ?? ''),
    maxRequestBytes,
    maxResponseBytes,
    timeoutMs: z
      .int()
      .min(1)
      .max(120_000)
      .default(120_000)
      .describe('The longest time, in milliseconds, from a call to the head of its response.'),
  };
}
