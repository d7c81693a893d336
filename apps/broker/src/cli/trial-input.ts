import { listSchemaProblems, type SchemaProblem } from '@valetkey/core-types';
import { sampleKey, sampleValue, type Recipe, type RecipeVendor } from '@valetkey/vendor-clients/recipe';

/** With what a recipe is tried. */
export interface TrialInput {
  readonly user: string;
  /** The options of the connection, without the secrets and the address of the vendor. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The parameters of the caller. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** What an operator has written: `name=value` for each option and parameter. */
export interface GivenInput {
  readonly user: string;
  readonly set: readonly string[];
  readonly parameter: readonly string[];
}

type Field = Recipe['parameters'][string] | Recipe['options'][string];

/**
 * Returns the input of a trial: what is given, and a sample for everything else that the recipe requires. Returns the problems if
 * the recipe has no such option or parameter, or refuses the value.
 */
export function createTrialInput(
  vendor: RecipeVendor,
  { user, set, parameter }: GivenInput,
): TrialInput | { readonly problems: readonly SchemaProblem[] } {
  const { recipe } = vendor;
  const options = readPairs('--set', set, recipe.options, recipe.secrets);
  const parameters = readPairs('--parameter', parameter, recipe.parameters, {});
  const early = [...options.problems, ...parameters.problems];
  if (early.length > 0) return { problems: early };
  const split = (from: 'caller' | 'policy') =>
    Object.entries(recipe.parameters)
      .filter(([name, field]) => field.from === from && (parameters.values.has(name) || isNeeded(field)))
      .map(([name, field]) => [name, parameters.values.get(name) ?? sampleValue(field)] as const);
  const listed = Object.entries(recipe.parameters).filter(([, { authorize }]) => authorize === true);
  const own = Object.entries(recipe.options)
    .filter(([name, field]) => options.values.has(name) || isNeeded(field))
    .map(([name, field]) => [name, options.values.get(name) ?? sampleValue(field)] as const);
  const fromPolicy = split('policy');
  const connection = {
    ...Object.fromEntries(own),
    ...(fromPolicy.length > 0 && { set: Object.fromEntries(fromPolicy) }),
    ...(listed.length > 0 && { allow: Object.fromEntries(listed.map(([name]) => [name, ['*']])) }),
  };
  return checkInput(vendor, { user, options: connection, parameters: Object.fromEntries(split('caller')) });
}

function isNeeded({ default: value, optional }: Field): boolean {
  return value === undefined && optional !== true;
}

/** Lets the recipe check the input as it checks a connection and a request. */
function checkInput(vendor: RecipeVendor, input: TrialInput): TrialInput | { readonly problems: SchemaProblem[] } {
  const secrets = Object.entries(vendor.recipe.secrets).map(
    ([name, { type }]) => [name, sampleKey(name, type)] as const,
  );
  const connection = { ...Object.fromEntries(secrets), ...input.options };
  const { data, error } = vendor.options.safeParse(connection);
  if (data === undefined) {
    const { parameters } = vendor.recipe;
    return {
      problems: listSchemaProblems(error, vendor.options, connection).map((problem) => atOption(problem, parameters)),
    };
  }
  const schema = vendor.create(data).issue?.parameters;
  const parsed = schema?.safeParse(input.parameters);
  if (schema === undefined || parsed === undefined) return input;
  if (parsed.success) return { ...input, parameters: parsed.data as Readonly<Record<string, unknown>> };
  return { problems: listSchemaProblems(parsed.error, schema, input.parameters).map(atParameter) };
}

/** A parameter that the operator sets may also be a claim, so that the schema of the option names no values. */
function atOption({ field, message }: SchemaProblem, parameters: Recipe['parameters']): SchemaProblem {
  const [, name = ''] = /^set\.([^.]+)/.exec(field) ?? [];
  if (name === '') return { field: `--set ${field}`, message };
  const { values, type, max } = parameters[name] ?? {};
  const limit = max === undefined ? '' : `, at most ${max}`;
  const rule = values === undefined ? `must be of the type ${type}${limit}` : `must be one of ${values.join(', ')}`;
  return { field: `--parameter ${name}`, message: rule };
}

const atParameter = ({ field, message }: SchemaProblem): SchemaProblem => ({ field: `--parameter ${field}`, message });

function readPairs(
  flag: string,
  pairs: readonly string[],
  fields: Readonly<Record<string, Field>>,
  secrets: Readonly<Record<string, unknown>>,
): { readonly values: ReadonlyMap<string, unknown>; readonly problems: readonly SchemaProblem[] } {
  const values = new Map<string, unknown>();
  const problems: SchemaProblem[] = [];
  for (const pair of pairs) {
    const end = pair.indexOf('=');
    const name = pair.slice(0, Math.max(end, 0));
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const report = (message: string) => problems.push({ field: flag, message });
    if (end < 1) report('must be name=value');
    else if (Object.hasOwn(secrets, name)) report(`cannot set the secret ${name}: the trial makes one of its own`);
    else if (field === undefined)
      report(`names ${JSON.stringify(name)}; known are ${Object.keys(fields).join(', ') || 'none'}`);
    else values.set(name, readText(field, pair.slice(end + 1)));
  }
  return { values, problems };
}

/** Reads a text as a value of the field's type. What cannot be read stays a text, which the recipe refuses. */
function readText({ type }: Field, text: string): unknown {
  if (type === 'text') return text;
  if (type === 'list') return text === '' ? [] : text.split(',');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
