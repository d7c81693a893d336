import { mapSchema, type JsonSchema } from './json-schema.ts';

/**
 * Writes alternatives as one schema where possible. For a wrong value, an editor reports the mistakes in every alternative,
 * but only the real mistakes in one schema.
 */
export function withoutAlternatives(schema: JsonSchema): JsonSchema {
  return mapSchema(mapSchema(schema, flattenAlternatives), mergeAlternatives);
}

function flattenAlternatives({ anyOf, ...rest }: JsonSchema): JsonSchema {
  return anyOf === undefined ? rest : { ...rest, anyOf: anyOf.flatMap(flatten) };
}

function mergeAlternatives(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = schema;
  const alternatives = anyOf ?? [];
  const objects = alternatives.filter(({ properties }) => properties !== undefined);
  const merged = objects.length > 1 ? mergeObjects(objects) : objects[0];
  const all = [...alternatives.filter((one) => !objects.includes(one)), ...(merged === undefined ? [] : [merged])];
  if (all.length === 0 || !areIndependent(all)) return schema;
  const type = all.flatMap((one) => one.type ?? []);
  return { ...Object.assign({}, ...all), type: type.length === 1 ? type[0] : type, ...rest };
}

const flatten = (schema: JsonSchema): JsonSchema[] =>
  schema.anyOf !== undefined && Object.keys(schema).length === 1 ? schema.anyOf : [schema];

/** Returns whether each keyword of these schemas applies only to values of the schema's own type, and occurs once. */
function areIndependent(schemas: readonly JsonSchema[]): boolean {
  const keywords = schemas.flatMap(({ type: _type, ...others }) => Object.keys(others));
  const types = schemas.flatMap(({ type }) => type ?? []);
  const isTyped = schemas.every(({ type }) => type !== undefined);
  const isGeneral = keywords.some((keyword) => ['const', 'enum', 'description', 'default'].includes(keyword));
  const isOnce = new Set(keywords).size === keywords.length && new Set(types).size === types.length;
  return isTyped && isOnce && !isGeneral;
}

/** Returns one schema for objects of several forms. Exactly one form has its required fields. */
function mergeObjects(forms: readonly JsonSchema[]): JsonSchema {
  const names = [...new Set(forms.flatMap(({ properties }) => Object.keys(properties ?? {})))];
  const formsWith = (name: string) => forms.filter(({ properties }) => properties?.[name] !== undefined);
  const properties = names.map((name) => {
    const schemas = formsWith(name).flatMap((form) => form.properties?.[name] ?? []);
    return [name, schemas.length === 1 ? schemas[0] : mergeAlternatives({ anyOf: schemas.map(withoutDescription) })];
  });
  const dependent = names.flatMap((name) => {
    const [form, ...others] = formsWith(name);
    const needed = form?.required?.filter((other) => other !== name) ?? [];
    return others.length === 0 && needed.length > 0 ? [[name, needed]] : [];
  });
  const marks = forms.map(({ required: [mark = ''] = [] }) => mark);
  const excluded = marks.map((mark) => {
    const others = marks.filter((other) => other !== mark);
    return [mark, { properties: Object.fromEntries(others.map((other) => [other, false])) }] as const;
  });
  // Each of these keywords accepts every value that is no object, so that a text can be one more alternative.
  return {
    type: 'object',
    properties: Object.fromEntries(properties) as Record<string, JsonSchema>,
    ...(dependent.length > 0 && { dependentRequired: Object.fromEntries(dependent) as Record<string, string[]> }),
    anyOf: forms.map(({ required = [] }) => ({ required })),
    dependentSchemas: Object.fromEntries(excluded),
    additionalProperties: false,
  };
}

function withoutDescription({ description: _description, ...rest }: JsonSchema): JsonSchema {
  return rest;
}
