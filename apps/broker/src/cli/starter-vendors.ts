import type { VendorDefinition } from '@valetkey/core-types';
import { findRecipe, recipes, vendors } from '@valetkey/vendor-clients';
import { issuesTokens, listConnectionValues } from '@valetkey/vendor-clients/recipe';
import type { z } from 'zod';
import { describeField, type Setting } from './starter-issuers.ts';

/** The ids that `--vendor` accepts. */
export const vendorIds: readonly string[] = [...Object.keys(vendors), ...Object.keys(recipes)];

/** A credential that a connection needs, and the variable that holds it. */
export interface StarterCredential {
  readonly option: string;
  readonly variable: string;
  readonly description: string;
  readonly isPrivateKey: boolean;
}

/** What a first connection of a vendor has. */
export interface StarterVendor {
  readonly id: string;
  readonly title: string;
  readonly credentials: readonly StarterCredential[];
  /** The options that an operator is asked for, each one text. */
  readonly settings: readonly Setting[];
  /** Further options, with values to replace. */
  readonly examples: Readonly<Record<string, unknown>>;
  readonly descriptions: Readonly<Record<string, string>>;
  /** Whether the vendor gives its users their ids, so that a claim must hold them. */
  readonly isUserGivenByVendor: boolean;
  /** The parameters whose values a caller may choose, if the operator lists them. */
  readonly listed: readonly string[];
  /** The operation that policies decide about. Absent: the vendor only signs users in. */
  readonly operation: 'issue' | 'proxy' | undefined;
}

/** Returns what a first connection of a vendor has. Undefined: no such vendor. */
export function describeStarterVendor(id: string): StarterVendor | undefined {
  const recipe = findRecipe(id);
  const definition: VendorDefinition | undefined = recipe ?? (Object.hasOwn(vendors, id) ? findAdapter(id) : undefined);
  if (definition === undefined) return undefined;
  const { title, options, credentials } = definition;
  const required = Object.entries(options.shape as Readonly<Record<string, z.ZodType>>).filter(
    ([, schema]) => !schema.safeParse(undefined).success,
  );
  const { allow = {}, ...values } =
    recipe === undefined ? exampleValues(required) : listConnectionValues(recipe.recipe);
  const needed = required.filter(([name]) => credentials.includes(name));
  const asked = required.filter(([name]) => typeof values[name] === 'string');
  return {
    id,
    title,
    credentials: needed.map(([option, schema]) => ({
      option,
      variable: `${id}_${option.replaceAll(/[A-Z]/g, '_$&')}`.replaceAll('-', '_').toUpperCase(),
      description: describeField(schema),
      isPrivateKey: recipe?.recipe.secrets[option]?.type.endsWith('private-key') === true,
    })),
    settings: asked.map(([name, schema]) => ({
      name,
      description: describeField(schema),
      example: values[name] as string,
      choices: listChoices(schema),
    })),
    examples: Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value !== 'string')),
    isUserGivenByVendor: recipe !== undefined && issuesTokens(recipe) && recipe.recipe.subject?.givenBy === 'vendor',
    descriptions: {
      ...Object.fromEntries(required.map(([name, schema]) => [name, describeField(schema)])),
      user: `The claim of your users' tokens that holds the id that ${title} gave to the user.`,
    },
    listed: Object.keys(allow as object),
    operation: recipe === undefined ? findOperation(definition, values) : issuesTokens(recipe) ? 'issue' : 'proxy',
  };
}

/** Returns what an adapter does, which only a created vendor shows. It opens no socket, and its credentials are no real ones. */
function findOperation(definition: VendorDefinition, values: Readonly<Record<string, unknown>>) {
  const options = Object.entries(definition.options.shape as Readonly<Record<string, z.ZodType>>).map(
    ([name, schema]) => [name, schema.parse(definition.credentials.includes(name) ? 'none' : values[name])] as const,
  );
  const { issue, proxy } = definition.create(Object.fromEntries(options));
  if (issue !== undefined) return 'issue';
  return proxy === undefined ? undefined : 'proxy';
}

function findAdapter(id: string): VendorDefinition | undefined {
  return (vendors as Readonly<Record<string, VendorDefinition>>)[id];
}

/** Returns the examples of an adapter's required options, and the first choice of an option with choices. */
function exampleValues(required: readonly (readonly [string, z.ZodType])[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    required.flatMap(([name, schema]) => {
      const [example] = (schema.meta()?.['examples'] as readonly unknown[] | undefined) ?? listChoices(schema);
      return example === undefined ? [] : [[name, example]];
    }),
  );
}

function listChoices(schema: z.ZodType): readonly string[] {
  return 'options' in schema && Array.isArray(schema.options)
    ? schema.options.filter((one) => typeof one === 'string')
    : [];
}
