import {
  codeOfForeignError,
  listSchemaProblems,
  VendorSetupError,
  type SchemaProblem,
  type Vendor,
  type VendorDefinition,
  type VendorDependencies,
} from '@valetkey/core-types';
import type { ClientCertificate, Egress } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { ConfigError } from './config-error.ts';
import { connectionShape } from './connection-policy.ts';
import type { KnownDefinition } from './known-definition.ts';

// An adapter is code of other authors. It may throw anything and at any time, and its texts may quote a secret.

const reservedOptions = new Set(['vendor', 'recipe', ...Object.keys(connectionShape)]);

const isFunction = (value: unknown): boolean => typeof value === 'function';

const definitionSchema = z
  .object({
    id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, { error: 'must be lower-case words joined by hyphens' }),
    title: z.string().regex(/^[^\p{Cc}]{1,60}$/u, { error: 'must be a name of 1 to 60 characters' }),
    options: z.instanceof(z.ZodObject, { error: 'must be an object schema of zod' }),
    credentials: z.array(z.string(), { error: 'must be a list of the options that hold a credential' }),
    create: z.custom<VendorDefinition['create']>(isFunction, { error: 'must be a function' }),
    recipe: z
      .union([
        z.object({ binding: z.enum(['user', 'account']) }),
        z.object({ proxy: z.looseObject({}) }).transform(() => ({ binding: 'calls' as const })),
      ])
      .optional()
      .catch(undefined),
  })
  .check(({ value: { options, credentials }, issues }) => {
    const names = Object.keys(options.shape);
    const report = (field: string, message: string) =>
      issues.push({ code: 'custom', path: [field], message, input: undefined });
    const reserved = names.find((name) => reservedOptions.has(name));
    if (reserved !== undefined) report('options', `has \`${reserved}\`, which is a field of every connection`);
    if (!credentials.every((name) => names.includes(name)))
      report('credentials', 'names an option that does not exist');
  });

/** Parses the definition of an adapter to a copy of it, so that a getter of the adapter runs only here. */
export const adapterSchema = z.custom<VendorDefinition>().transform((given, context): VendorDefinition => {
  const result = readDefinition(given);
  if ('definition' in result) return result.definition;
  for (const { field, message } of result.problems) {
    context.addIssue({ code: 'custom', path: field === '' ? [] : field.split('.'), message });
  }
  return z.NEVER;
});

/** Returns a copy of the definition of an adapter, or what is wrong with it. */
export function readDefinition(
  given: VendorDefinition,
): { readonly definition: KnownDefinition } | { readonly problems: readonly SchemaProblem[] } {
  try {
    const { data, error } = definitionSchema.safeParse(given);
    if (error !== undefined) return { problems: listSchemaProblems(error) };
    const { create } = data;
    return { definition: { ...data, source: given, create: (...rest) => create.apply(given, rest) } };
  } catch {
    return { problems: [{ field: '', message: 'must be a vendor made by `defineVendor`; it cannot be read' }] };
  }
}

/** Parses the options of a connection with the schema of its adapter. */
export function parseOptions(
  { id }: VendorDefinition,
  createSchema: () => z.ZodObject,
  given: unknown,
): { readonly data: Readonly<Record<string, unknown>> } | { readonly problems: readonly SchemaProblem[] } {
  const refuse = (message: string) => ({ problems: [{ field: '', message: `the adapter \`${id}\` ${message}` }] });
  try {
    const schema = createSchema();
    const { _zod: internals } = schema;
    // An asynchronous run returns the promise of an asynchronous check. Without a handler, its rejection would end the process.
    const run: unknown = internals.run({ value: given, issues: [] }, { async: true });
    if (run instanceof Promise) {
      run.catch(() => undefined);
      return refuse('checks its options asynchronously, which is not possible');
    }
    // The options are parsed once, so that compiling the parser would take longer than the parsing.
    const { data, error } = schema.safeParse(given, { jitless: true });
    if (error === undefined) return { data };
    const texts = textsOf(given);
    return {
      problems: listSchemaProblems(error, schema, given).map(({ field, message }) => ({
        field,
        message: texts.some((text) => message.includes(text)) ? 'cannot be used' : message,
      })),
    };
  } catch {
    return refuse('fails when it checks these options');
  }
}

/** Returns the texts in a value that a message of an adapter could quote. Texts of fewer than six characters are parts of usual words. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return value.trim().length >= 6 ? [value.trim()] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** The parts of a connection from which its vendor is created. */
interface Creation {
  readonly name: string;
  readonly definition: VendorDefinition;
  readonly options: Readonly<Record<string, unknown>>;
  readonly clientCertificate?: ClientCertificate | undefined;
}

interface CreationDependencies extends VendorDependencies {
  readonly egress: Egress;
}

/** Creates the vendor of a connection. Throws only {@link ConfigError}, without any text of the adapter. */
export function createVendor(creation: Creation, { egress: shared, ...others }: CreationDependencies): Vendor {
  const { name, definition, options, clientCertificate } = creation;
  const egress = clientCertificate === undefined ? shared : shared.withClientCertificate(clientCertificate);
  const dependencies = { ...others, egress };
  const problem = (message: string) => new ConfigError([`vendors.${name}: ${message}`]);
  let vendor: unknown;
  try {
    vendor = definition.create(options, dependencies);
    if (isVendor(vendor)) return vendor;
  } catch (error) {
    if (VendorSetupError.isInstance(error)) throw problem(error.message);
    const code = codeOfForeignError(error);
    throw problem(`the adapter \`${definition.id}\` fails in \`create\`${code === undefined ? '' : ` (${code})`}`);
  }
  if (vendor instanceof Promise) vendor.catch(() => undefined);
  throw problem(`the adapter \`${definition.id}\` must return a vendor from \`create\``);
}

/** Returns whether a value is a vendor. Reads every ability, so that a getter that throws does so here. */
function isVendor(value: unknown): value is Vendor {
  const { issue, users, proxy, authenticate, endpoint, claims, revoke, verify, close } = (value ??
    {}) as Partial<Vendor>;
  const abilities = [issue, users, proxy, authenticate, endpoint, claims];
  const isAbility = (ability: unknown) => ability === undefined || (typeof ability === 'object' && ability !== null);
  return (
    isFunction(close) &&
    [revoke, verify].every((ability) => ability === undefined || isFunction(ability)) &&
    abilities.every(isAbility)
  );
}
