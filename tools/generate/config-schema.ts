import type { VendorDefinition } from '@valetkey/core-types';
import { z } from 'zod';
import { brokerShape } from '../../apps/broker/src/config/broker-fields.ts';
import { connectionPolicyShape } from '../../apps/broker/src/config/connection-policy.ts';

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
}

/** The JSON Schema of the configuration, and its parts for the reference page. */
export interface ConfigSchema {
  readonly broker: JsonSchema;
  /** The fields that every connection has. */
  readonly connection: JsonSchema;
  /** The options of each vendor, by id. */
  readonly vendors: ReadonlyMap<string, JsonSchema>;
  /** The JSON Schema that editors read. */
  readonly whole: JsonSchema;
}

const reference: JsonSchema = { type: 'string', pattern: String.raw`\$\{(env|file):[^}]+\}` };

function toJsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _version, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return withoutAnything(rest as JsonSchema);
}

/** Removes alternatives that accept any value: these are for values that only code can create, such as a `Secret`. */
function withoutAnything(schema: JsonSchema): JsonSchema {
  return mapSchema(schema, ({ anyOf, ...whole }) => {
    const rest = withoutNoProvider(whole);
    const alternatives = anyOf?.filter((alternative) => Object.keys(alternative).length > 0);
    if (alternatives === undefined) return rest;
    return alternatives.length === 1 ? { ...alternatives[0], ...rest } : { ...rest, anyOf: alternatives };
  });
}

/** Removes the field that an issuer record must not have: `provider`, which only a preset has. */
function withoutNoProvider({ properties, ...rest }: JsonSchema): JsonSchema {
  if (properties === undefined) return rest;
  const { provider, ...others } = properties;
  const isAbsent = provider !== undefined && Object.keys(provider).length === 0;
  return { ...rest, properties: isAbsent ? others : properties };
}

/** Allows a reference such as `${env:NAME}` in place of a text that must be one of several or match a pattern. */
function withReferences(schema: JsonSchema): JsonSchema {
  return mapSchema(schema, (part) => {
    const isRestricted = part.type === 'string' && (part.enum !== undefined || part.pattern !== undefined);
    if (!isRestricted) return part;
    const { description, default: byDefault, ...text } = part;
    return {
      ...(description !== undefined && { description }),
      ...(byDefault !== undefined && { default: byDefault }),
      anyOf: [text, reference],
    };
  });
}

/** Applies a change to a schema and to every schema inside it, the innermost first. */
function mapSchema(schema: JsonSchema, change: (schema: JsonSchema) => JsonSchema): JsonSchema {
  const inside = (part: JsonSchema) => mapSchema(part, change);
  const { properties, items, anyOf, oneOf, additionalProperties } = schema;
  return change({
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, inside(part)])),
    }),
    ...(items && { items: inside(items) }),
    ...(anyOf && { anyOf: anyOf.map(inside) }),
    ...(oneOf && { oneOf: oneOf.map(inside) }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: inside(additionalProperties) }),
  });
}

/** Returns the JSON Schema of a configuration with these vendors. */
export function createConfigSchema(definitions: readonly VendorDefinition[]): ConfigSchema {
  const { adapters: _codeOnly, ...fields } = brokerShape;
  const broker = toJsonSchema(z.strictObject(fields));
  const connection = toJsonSchema(z.strictObject(connectionPolicyShape));
  const vendors = new Map(definitions.map(({ id, options }) => [id, toJsonSchema(options)]));

  const entryOf = (id: string, isNamed: boolean): JsonSchema => {
    const options = vendors.get(id) ?? {};
    const required = [...(isNamed ? ['vendor'] : []), ...(options.required ?? [])];
    return {
      type: 'object',
      properties: { vendor: { const: id }, ...options.properties, ...connection.properties },
      ...(required.length > 0 && { required }),
      additionalProperties: false,
    };
  };
  const ids = [...vendors.keys()];
  const whole: JsonSchema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of the Valet Key broker',
    ...broker,
    properties: {
      $schema: { type: 'string' },
      ...broker.properties,
      vendors: {
        description: 'The connections, by name. `vendor` is the id of the vendor. Default: the name of the connection.',
        type: 'object',
        properties: Object.fromEntries(ids.map((id) => [id, entryOf(id, false)])),
        additionalProperties: { anyOf: ids.map((id) => entryOf(id, true)) },
      },
    },
  };
  return { broker, connection, vendors, whole: withReferences(whole) };
}
