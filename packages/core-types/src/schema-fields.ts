import type { z } from 'zod';

/** The fields of one object schema. */
export interface ObjectFields {
  readonly all: readonly string[];
  readonly required: readonly string[];
  /** Whether the schema refuses other fields. */
  readonly isStrict: boolean;
}

/** Returns the schemas at a path below a schema, one for each alternative that has this path. */
export function findSchemas(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType[] {
  return path.reduce<z.core.$ZodType[]>((found, key) => found.flatMap((one) => childrenOf(one, key)), [schema]);
}

/** Returns the alternatives of a schema without the wrappers around them. A schema that is no union is its only one. */
export function listAlternatives(schema: z.core.$ZodType): z.core.$ZodType[] {
  const def = definitionOf(schema);
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return listAlternatives(def.innerType);
    case 'pipe':
      return listAlternatives(def.in);
    case 'union':
      return def.options.flatMap(listAlternatives);
    default:
      return [schema];
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

function childrenOf(schema: z.core.$ZodType, key: PropertyKey): z.core.$ZodType[] {
  return listAlternatives(schema).flatMap((alternative) => {
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
