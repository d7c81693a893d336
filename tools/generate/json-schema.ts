/** The parts of a JSON Schema (draft 2020-12) that the configuration uses. */
export interface JsonSchema {
  $schema?: string;
  title?: string;
  description?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  pattern?: string;
  minLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  propertyNames?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  dependentRequired?: Record<string, string[]>;
  /** `false` for a field that must be absent. */
  dependentSchemas?: Record<string, { readonly properties: Record<string, boolean> }>;
  allOf?: JsonSchema[];
  if?: JsonSchema;
  else?: JsonSchema;
  not?: JsonSchema;
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  /** Whether only a module can have the field, such as a function. */
  codeOnly?: boolean;
}

/** Applies a change to a schema and to every schema inside it, the innermost first. */
export function mapSchema(schema: JsonSchema, change: (schema: JsonSchema) => JsonSchema): JsonSchema {
  const inside = (part: JsonSchema) => mapSchema(part, change);
  const { properties, items, anyOf, oneOf, additionalProperties, $defs } = schema;
  const insideEach = (parts: Record<string, JsonSchema>) =>
    Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, inside(part)]));
  return change({
    ...schema,
    ...(properties && { properties: insideEach(properties) }),
    ...($defs && { $defs: insideEach($defs) }),
    ...(items && { items: inside(items) }),
    ...(anyOf && { anyOf: anyOf.map(inside) }),
    ...(oneOf && { oneOf: oneOf.map(inside) }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: inside(additionalProperties) }),
  });
}

/** The types of JSON. */
export const jsonTypes = ['string', 'number', 'boolean', 'null', 'array', 'object'] as const;

/** The field of a connection that names the operator's own recipe. */
export const recipeField = {
  type: 'string',
  description:
    'The path of your own recipe, a .yaml or .json file, relative to the folder of the configuration. Absent: `vendor` names the vendor.',
} as const satisfies JsonSchema;
