import type { z } from 'zod';

/** The fields of one object schema. */
export interface ObjectFields {
  readonly all: readonly string[];
  readonly required: readonly string[];
  /** Whether the schema refuses other fields. */
  readonly isStrict: boolean;
}

/** The schemas of one place in a value, and what stands there if that is known. */
export interface SchemaPlace {
  readonly schemas: readonly z.core.$ZodType[];
  readonly value?: unknown;
}

/** Returns the place at a path below a place. It has one schema for each alternative that has this path. */
export function findPlace(place: SchemaPlace, path: readonly PropertyKey[]): SchemaPlace {
  return path.reduce<SchemaPlace>(
    ({ schemas, value }, key) => ({
      schemas: schemas.flatMap((one) => childrenOf(one, key, value)),
      value: (value as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key],
    }),
    place,
  );
}

/** Returns the alternatives of a place without the wrappers around them. */
export function alternativesOf({ schemas, value }: SchemaPlace): z.core.$ZodType[] {
  return schemas.flatMap((schema) => listAlternatives(schema, value));
}

/** Returns the options of the union at a place as they are written; an empty list if no union is there, or several are. */
export function optionsOf({ schemas }: SchemaPlace): readonly z.core.$ZodType[] {
  const [schema, ...others] = schemas;
  if (schema === undefined || others.length > 0) return [];
  const def = definitionOf(unwrap(schema));
  return def.type === 'union' ? def.options : [];
}

/**
 * Returns the alternatives of a schema without the wrappers around them. A schema that is no union is its only one. Of a
 * discriminated union, it returns those for this value.
 */
function listAlternatives(schema: z.core.$ZodType, value: unknown): z.core.$ZodType[] {
  const unwrapped = unwrap(schema);
  const def = definitionOf(unwrapped);
  if (def.type !== 'union') return [unwrapped];
  const { options } = def;
  const matching = 'discriminator' in def ? options.filter((option) => isMeant(option, def.discriminator, value)) : [];
  return (matching.length > 0 ? matching : options).flatMap((option) => listAlternatives(option, value));
}

/** Returns whether the discriminator of a value is that of an option. */
function isMeant({ _zod: { propValues } }: z.core.$ZodType, discriminator: unknown, value: unknown): boolean {
  if (typeof discriminator !== 'string' || typeof value !== 'object' || value === null) return false;
  const given = (value as Readonly<Record<string, unknown>>)[discriminator];
  return propValues?.[discriminator]?.has(given as z.core.util.Primitive) === true;
}

/** Returns a schema without the wrappers around it. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const def = definitionOf(schema);
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return unwrap(def.innerType);
    case 'pipe':
      return unwrap(def.in);
    case 'lazy':
      return unwrap(def.getter());
    default:
      return schema;
  }
}

/** Returns the fields of an object schema, or undefined for any other schema. */
export function fieldsOf(schema: z.core.$ZodType): ObjectFields | undefined {
  const def = definitionOf(schema);
  if (def.type !== 'object') return undefined;
  const all = Object.keys(def.shape);
  return {
    all,
    required: all.filter((name) => isRequired(def.shape[name])),
    isStrict: def.catchall !== undefined && definitionOf(def.catchall).type === 'never',
  };
}

function childrenOf(schema: z.core.$ZodType, key: PropertyKey, value: unknown): z.core.$ZodType[] {
  return listAlternatives(schema, value).flatMap((alternative) => {
    const def = definitionOf(alternative);
    if (def.type === 'array') return [def.element];
    if (def.type === 'record') return [def.valueType];
    const child = def.type === 'object' ? def.shape[String(key)] : undefined;
    return child === undefined ? [] : [child];
  });
}

function isRequired(schema: z.core.$ZodType | undefined): boolean {
  if (schema === undefined) return false;
  const { _zod: internals } = schema;
  return internals.optin === undefined;
}

function definitionOf(schema: z.core.$ZodType): z.core.$ZodTypes['_zod']['def'] {
  const { _zod: internals } = schema as z.core.$ZodTypes;
  return internals.def;
}
