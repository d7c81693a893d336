import type { VendorDefinition } from '@valetkey/core-types';
import { z } from 'zod';
import { brokerShape } from '../../apps/broker/src/config/broker-fields.ts';
import { connectionName } from '../../apps/broker/src/config/config-path.ts';
import { connectionShape } from '../../apps/broker/src/config/connection-policy.ts';
import { mapSchema, type JsonSchema } from './json-schema.ts';
import { withoutAlternatives } from './merge-alternatives.ts';

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

const referencePattern = String.raw`\$\{(env|file):[^}]+\}`;

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

/** Allows a reference such as `${env:NAME}` in place of a text that must be one of several, long or of a certain form. */
function withReferences(schema: JsonSchema): JsonSchema {
  return mapSchema(schema, (part) => {
    if (part.type !== 'string') return part;
    const { description, default: byDefault, enum: values, minLength, pattern, ...text } = part;
    const annotations = {
      ...(description !== undefined && { description }),
      ...(byDefault !== undefined && { default: byDefault }),
    };
    if (values !== undefined) {
      return {
        ...annotations,
        anyOf: [
          { ...text, enum: values },
          { type: 'string', pattern: referencePattern },
        ],
      };
    }
    // One pattern and no alternatives: for these, editors would report a mistake for each.
    const form = pattern ?? (minLength !== undefined && minLength > 1 ? `^.{${minLength},}$` : undefined);
    return form === undefined ? part : { ...annotations, ...text, pattern: `${form}|${referencePattern}` };
  });
}

/** Returns the JSON Schema of a configuration with these vendors. */
export function createConfigSchema(definitions: readonly VendorDefinition[]): ConfigSchema {
  const { adapters: _codeOnly, ...fields } = brokerShape;
  const broker = toJsonSchema(z.strictObject(fields));
  const connection = toJsonSchema(z.strictObject(connectionShape));
  const vendors = new Map(definitions.map(({ id, options }) => [id, toJsonSchema(options)]));

  const entryOf = (id: string): JsonSchema => {
    const { properties, required } = vendors.get(id) ?? {};
    return {
      type: 'object',
      properties: { vendor: { const: id }, ...properties, ...connection.properties },
      ...(required !== undefined && { required }),
      additionalProperties: false,
    };
  };
  const ids = [...vendors.keys()];
  const whole: JsonSchema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of the Valet Key broker',
    ...broker,
    // Both are used in several places, and a condition contains conditions.
    $defs: { ...broker.$defs, ...connection.$defs },
    // Without an issuer, no user can sign in. An issuer is listed, or comes with a vendor that signs users in.
    anyOf: [{ required: ['issuers'] }, { required: ['vendors'] }],
    properties: {
      $schema: { type: 'string' },
      ...broker.properties,
      vendors: {
        description: 'The connections, by name. `vendor` is the id of the vendor. Default: the name of the connection.',
        type: 'object',
        properties: Object.fromEntries(ids.map((id) => [id, entryOf(id)])),
        propertyNames: { pattern: connectionName.source },
        additionalProperties: {
          type: 'object',
          required: ['vendor'],
          properties: { vendor: { enum: ids } },
          allOf: ids.map((id) => ({
            if: { properties: { vendor: { not: { const: id } } } },
            else: { $ref: `#/properties/vendors/properties/${id}` },
          })),
        },
      },
    },
  };
  return { broker, connection, vendors, whole: withoutAlternatives(withReferences(whole)) };
}
