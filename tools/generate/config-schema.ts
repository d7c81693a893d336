import type { VendorDefinition } from '@valetkey/core-types';
import { z } from 'zod';
import { brokerShape } from '../../apps/broker/src/config/broker-fields.ts';
import { connectionName } from '../../apps/broker/src/config/config-path.ts';
import { connectionShape } from '../../apps/broker/src/config/connection-policy.ts';
import { jsonTypes, mapSchema, recipeField, type JsonSchema } from './json-schema.ts';
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

/** The definition of a connection to the operator's own recipe. Only the recipe says which options it has. */
const ownRecipe = 'connection-to-own-recipe';

/** The schema of a field that an object must not have. */
const absent: JsonSchema = { not: {} };

const referencePattern = String.raw`\$\{(env|file|vault|aws-sm):[^}]+\}`;

function toJsonSchema(schema: z.ZodType): JsonSchema {
  const { $schema: _version, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return withoutAnything(withoutJson(rest as JsonSchema));
}

/** Writes each value that may be any JSON by its types. zod refers to a definition that contains itself. */
function withoutJson(schema: JsonSchema): JsonSchema {
  return mapSchema(schema, (part) => {
    if (part.$ref === undefined || !/^#\/\$defs\/__schema\d+$/.test(part.$ref)) return part;
    const { $ref: _json, ...rest } = part;
    return { ...rest, type: [...jsonTypes] };
  });
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

/** Removes the fields that no YAML or JSON can have, so that an editor reports them. */
function withoutCode(schema: JsonSchema): JsonSchema {
  return mapSchema(schema, ({ properties, ...rest }) => {
    const written = Object.entries(properties ?? {}).filter(([, { codeOnly }]) => codeOnly !== true);
    return properties === undefined ? rest : { ...rest, properties: Object.fromEntries(written) };
  });
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

  // Each vendor has these fields, so that they are written once.
  const fieldName = (name: string) => `connection.${name}`;
  const shared = Object.entries(connection.properties ?? {});
  const references = Object.fromEntries(
    shared.map(([name]) => [name, { $ref: `#/$defs/${fieldName(name)}` } satisfies JsonSchema]),
  );
  const entryOf = (id: string): JsonSchema => {
    const { properties, required } = vendors.get(id) ?? {};
    return {
      type: 'object',
      properties: { vendor: { const: id }, ...properties, ...references },
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
    $defs: {
      ...broker.$defs,
      ...connection.$defs,
      ...Object.fromEntries(shared.map(([name, part]) => [fieldName(name), part])),
      [ownRecipe]: {
        type: 'object',
        required: ['recipe'],
        properties: { recipe: recipeField, vendor: absent, ...references },
      },
    },
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
          anyOf: [{ required: ['vendor'] }, { required: ['recipe'] }],
          properties: { vendor: { enum: ids }, recipe: recipeField },
          allOf: [
            ...ids.map((id) => ({
              if: { properties: { vendor: { not: { const: id } } } },
              else: { $ref: `#/properties/vendors/properties/${id}` },
            })),
            { if: { properties: { recipe: absent } }, else: { $ref: `#/$defs/${ownRecipe}` } },
          ],
        },
      },
    },
  };
  return { broker, connection, vendors, whole: withoutAlternatives(withReferences(withoutCode(whole))) };
}
