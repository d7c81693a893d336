import type { SampleRequest, SampleTextPart, SampleValue } from '@valetkey/core-types';
import type { Recipe } from './recipe-schema.ts';
import type { RecipeRequest } from './step-schema.ts';
import { parseTemplate, type Expression, type ValueTemplate } from './template.ts';

type WrittenRequest = Pick<RecipeRequest, 'method' | 'path' | 'query' | 'headers' | 'json' | 'form'>;
type Pattern = Pick<SampleRequest, 'method' | 'path' | 'query' | 'headers' | 'body'>;
type Parts = readonly SampleTextPart[];

/** The access token of the broker itself. No secret has this name, because of its dot. */
export const serviceToken = 'service.token';

/** Returns a function that describes the requests of a recipe: what is literal, which part is a credential, and what varies. */
export function createSamplePatterns(recipe: Recipe): (request: WrittenRequest) => Pattern {
  const { partsOf, valueOf } = createPatterns(recipe, false);
  const form = createPatterns(recipe, true);
  return ({ method, path, query = {}, headers, json, form: fields }) => ({
    method,
    path: path
      .slice(1)
      .split('/')
      .map((segment) => partsOf(segment)),
    query: form.fieldsOf(query),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, partsOf(text)])),
    ...(json !== undefined && { body: { type: 'json', value: valueOf(json as ValueTemplate) } }),
    ...(fields !== undefined && { body: { type: 'form', value: { fields: form.fieldsOf(fields) } } }),
  });
}

/** Returns functions that describe templates. A form cannot hold an empty object or list, so there each may be absent. */
function createPatterns(recipe: Recipe, isForm: boolean) {
  const names = namedValues(recipe);

  const partsOf = (text: string): Parts =>
    parseTemplate(text).flatMap((part) => (typeof part === 'string' ? [part] : expressionOf(part)));

  function expressionOf(expression: Expression): Parts {
    const { path, filters } = expression;
    const [root = '', field = ''] = path;
    const named = path.length === 1 ? names.get(root) : undefined;
    const credential = root === 'secrets' ? field : root === 'service' ? serviceToken : undefined;
    const inner = credential !== undefined ? [{ credential }] : typeof named === 'string' ? partsOf(named) : undefined;
    const kinds = filters.map(({ name }) => name).filter((name) => name !== 'text');
    if (inner === undefined || kinds.some((kind) => kind !== 'base64' && kind !== 'base64url')) {
      return [variableOf(expression, recipe, isForm)];
    }
    return kinds.reduce<Parts>((parts) => [{ base64: parts }], inner);
  }

  function valueOf(value: ValueTemplate): SampleValue {
    if (typeof value === 'string') {
      const named = namedValueOf(value);
      return named === undefined ? { text: partsOf(value) } : valueOf(named);
    }
    if (typeof value !== 'object' || value === null) return { literal: value };
    if (Array.isArray(value)) return { list: value.map((member: ValueTemplate) => valueOf(member)) };
    return { fields: fieldsOf(value) };
  }

  /** Returns the value that a step names, if a text is nothing but this name. */
  function namedValueOf(text: string): ValueTemplate | undefined {
    const [part, ...others] = parseTemplate(text);
    if (typeof part !== 'object' || others.length > 0 || part.filters.length > 0) return undefined;
    return part.path.length === 1 ? names.get(part.path[0] ?? '') : undefined;
  }

  const fieldsOf = (fields: object): Readonly<Record<string, SampleValue>> =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, valueOf(value as ValueTemplate)]));

  return { partsOf, valueOf, fieldsOf };
}

/** Returns the values that steps name, by their names. */
export function namedValues({ steps, revoke }: Recipe): ReadonlyMap<string, ValueTemplate> {
  const sets = [...steps.flatMap((step) => ('set' in step ? [step.set] : [])), revoke?.set ?? {}];
  return new Map(sets.flatMap((set) => Object.entries(set as Record<string, ValueTemplate>)));
}

function variableOf({ path, filters }: Expression, recipe: Recipe, isForm: boolean): SampleTextPart {
  const [root = '', name = '', ...deeper] = path;
  const parameter = root === 'parameters' ? recipe.parameters[name] : undefined;
  const option = root === 'options' ? recipe.options[name] : undefined;
  const isStructured = parameter?.type === 'json' || parameter?.type === 'list';
  const mayBeEmpty = isStructured && (deeper.length > 0 || (isForm && filters.length === 0));
  const unit = filters.map((filter) => filter.name).find((filter) => isUnit(filter));
  const isTime = root === 'life' || root === 'expiry';
  return {
    variable: path.join('.'),
    ...(isTime && isUnit(unit) && { unit }),
    ...((parameter?.optional === true || option?.optional === true || mayBeEmpty) && { optional: true }),
  };
}

function isUnit(filter: string | undefined): filter is 'milliseconds' | 'minutes' | 'iso-date' {
  return filter === 'milliseconds' || filter === 'minutes' || filter === 'iso-date';
}
