import type { VendorDefinition } from '@valetkey/core-types';
import type { ConfigSchema } from './config-schema.ts';
import { jsonTypes, recipeField, type JsonSchema } from './json-schema.ts';

interface Field {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

/** Returns the reference tables of `docs/configuration.md`: every field with its type, default and meaning. */
export function renderConfigReference(
  schema: ConfigSchema,
  definitions: readonly VendorDefinition[],
  recipes: readonly VendorDefinition[] = [],
): string {
  const fieldsOf = ({ id }: VendorDefinition) => listFields(schema.vendors.get(id) ?? {});
  const { issuers: _own, ...others } = schema.broker.properties ?? {};
  const [record = {}, ...presets] = schema.broker.$defs?.['Issuer']?.oneOf ?? [];
  const sections = [
    ['### The broker', listFields({ ...schema.broker, properties: others })],
    ['### Each identity provider: `issuers`', listFields(record)],
    ...presets.map((preset) => [
      `### Identity provider by preset: \`provider: ${String(preset.properties?.['provider']?.const)}\``,
      listFields(preset),
    ]),
    ['### Each connection: `vendors.<name>`', [vendorField, ownRecipeField, ...listFields(schema.connection)]],
    ...definitions.map((vendor) => [headingOf(vendor), fieldsOf(vendor)]),
    ...describeRecipes(recipes, fieldsOf),
  ] as const;
  return sections.map(([heading, fields]) => `${heading}\n\n${renderFields(fields as readonly Field[])}`).join('\n\n');
}

type Section = readonly [heading: string, fields: readonly Field[]];

/** Returns the sections of the recipes: what those that forward calls share, what all others share, and the own options of each. */
function describeRecipes(
  recipes: readonly VendorDefinition[],
  fieldsOf: (vendor: VendorDefinition) => readonly Field[],
): readonly Section[] {
  if (recipes.length === 0) return [];
  const all = recipes.map(fieldsOf);
  const forwards = (fields: readonly Field[]) => fields.some(({ path }) => path === 'streamTimeoutMs');
  const forwarding = all.filter(forwards).flat();
  return [
    [
      '### Options that recipes with forwarded calls share',
      withoutRepeats(forwarding.filter(({ path }) => ofForwarding.has(path))),
    ],
    ['### Options of every recipe', listSharedFields(all.filter((fields) => !forwards(fields)).flat())],
    ...recipes.map((vendor): Section => [
      headingOf(vendor),
      fieldsOf(vendor).filter(({ path }) => sharedPath(path) === undefined && !ofForwarding.has(path)),
    ]),
  ];
}

const ofForwarding = new Set(['streamTimeoutMs', 'maxRequestBytes', 'maxResponseBytes', 'timeoutMs']);

const headingOf = ({ id, title }: VendorDefinition): string => `### Options of ${title} (\`${id}\`)`;

/** Returns the name of a field that is the same for every recipe that has it, or undefined for any other field. */
function sharedPath(path: string): string | undefined {
  if (['timeoutMs', 'set', 'allow', 'cache', 'cache.minRemainingSeconds'].includes(path)) return path;
  const [, parent, field] = /^(set|allow)\.[^.]+\.(\w+)$/.exec(path) ?? [];
  return parent === undefined ? undefined : `${parent}.<parameter>${parent === 'allow' ? '[]' : ''}.${field}`;
}

/** Returns the fields that recipes share, each once. */
function listSharedFields(fields: readonly Field[]): Field[] {
  return withoutRepeats(
    fields.flatMap(({ path, schema }) => {
      const shared = sharedPath(path);
      const isGroup = ['set', 'allow'].includes(shared ?? '');
      const group: JsonSchema = { type: 'object', description: schema.description ?? '' };
      return shared === undefined ? [] : [{ path: shared, schema: isGroup ? group : schema, isRequired: false }];
    }),
  ).toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

const ownRecipeField: Field = { path: 'recipe', isRequired: false, schema: recipeField };

const vendorField: Field = {
  path: 'vendor',
  isRequired: false,
  schema: { type: 'string', description: 'The id of the vendor. Default: the name of the connection.' },
};

/** Returns the fields of an object schema in order, those of nested objects with a dotted path. */
function listFields(schema: JsonSchema, parent = ''): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, part]) => {
    const path = parent === '' ? name : `${parent}.${name}`;
    const isRequired = schema.required?.includes(name) ?? false;
    const objects = objectsIn(part);
    const own: Field = { path, schema: part, isRequired };
    const nested = objects
      .flatMap((object) => listFields(object, isListOfObjects(part) ? `${path}[]` : path))
      // If a value has several forms, a field is required only in its own form.
      .map((field) => (objects.length > 1 ? { ...field, isRequired: false } : field));
    const isOnlyGroup = objects.length === 1 && part.properties !== undefined && !isRequired;
    return isOnlyGroup && part.description === undefined ? nested : [own, ...withoutRepeats(nested)];
  });
}

const isListOfObjects = ({ items }: JsonSchema): boolean => items?.properties !== undefined;

function objectsIn(schema: JsonSchema): JsonSchema[] {
  if (schema.properties !== undefined) return [schema];
  if (schema.items?.properties !== undefined) return [schema.items];
  return (schema.anyOf ?? []).flatMap((alternative) => {
    const isSlots = alternative.properties?.['current'] !== undefined;
    return isSlots ? [] : objectsIn(alternative);
  });
}

function withoutRepeats(fields: readonly Field[]): Field[] {
  const paths = new Set<string>();
  return fields.filter(({ path }) => !paths.has(path) && paths.add(path));
}

function renderFields(fields: readonly Field[]): string {
  const rows = fields.map(({ path, schema, isRequired }) => [
    `\`${path}\``,
    describeType(schema),
    isRequired ? 'required' : describeDefault(schema),
    schema.description ?? '',
  ]);
  return renderTable(['field', 'type', 'default', 'meaning'], rows);
}

/** Returns a Markdown table. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`)
    .join('\n');
}

/** Returns the type of a field in words. */
export function describeType(schema: JsonSchema): string {
  if (schema.codeOnly === true && schema.type === undefined) return 'function';
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(describeType))].join(' or ');
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1).toLowerCase();
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``.replaceAll('"', '');
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  switch (schema.type) {
    case 'array':
      return `list of ${describeType(schema.items ?? {})}`;
    case 'integer':
    case 'number':
      return describeNumber(schema);
    case 'object':
      return describeObject(schema);
    case 'string':
      return 'text';
    case undefined:
      return 'any value';
    default:
      if (schema.type.length === jsonTypes.length && typeof schema.type !== 'string') return 'any JSON';
      return Array.isArray(schema.type)
        ? schema.type.map((type) => (type === 'string' ? 'text' : type)).join(', ')
        : schema.type;
  }
}

function describeObject({ properties, additionalProperties }: JsonSchema): string {
  if (properties !== undefined) {
    const names = Object.keys(properties);
    return names.length <= 3 ? `\`{ ${names.join(', ')} }\`` : 'object';
  }
  return typeof additionalProperties === 'object' ? `map to ${describeType(additionalProperties)}` : 'object';
}

const readable = (value: number): string => value.toLocaleString('en-US');

function describeNumber({ type, minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const kind = type === 'integer' ? 'whole number' : 'number';
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  const from = exclusiveMinimum === undefined ? minimum : undefined;
  if (from !== undefined && isBounded) return `${kind}, ${readable(from)} to ${readable(maximum)}`;
  if (exclusiveMinimum !== undefined) {
    return `${kind} above ${readable(exclusiveMinimum)}${isBounded ? `, up to ${readable(maximum)}` : ''}`;
  }
  if (isBounded) return `${kind}, up to ${readable(maximum)}`;
  return from === undefined ? kind : `${kind}, ${readable(from)} or more`;
}

/** Returns the default of a field, or an empty text. */
export function describeDefault({ default: value }: JsonSchema): string {
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0))
    return '';
  return `\`${toFlowStyle(value)}\``;
}

/** Returns a value in YAML's flow style. */
function toFlowStyle(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toFlowStyle).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(([name, part]) => `${name}: ${toFlowStyle(part)}`);
  return `{ ${entries.join(', ')} }`;
}
