import type { SchemaProblem } from '@valetkey/core-types';
import { fitsIntoHeader, parseCharacters } from './character-set.ts';
import { flowOf, type Flow } from './flow.ts';
import type { Recipe } from './recipe-schema.ts';
import { isWholeExpression, parseTemplate, type Expression, type TemplatePart } from './template.ts';
import { listUses, type Use } from './uses.ts';

/** An expression at its place, with what it may hold. */
interface Flowing {
  readonly use: Use;
  readonly expression: Expression;
  readonly flow: Flow;
}

/** Words of fields that decide what a token may do, where, for whom, for how long, or what it costs. */
const decisiveWords = new Set(
  `access account accountid accounts acl acls admin agent agents alg allow allowed amount aud audience authorities authority capabilities
   capability channel channels clientid customer customerid duration email exp expires expiration expiry filter filters grant grants group groups
   identity isadmin iss issuer kid lifetime model models moderator nbf org organization organizations owner permission permissions plan policies policy price
   privilege privileges role roleid roles room rooms scope scopes sub subject superuser team teams tenant tenantid tier topic topics
   ttl uid until user userid username users validity workspace workspaces`.split(/\s+/),
);

/** Returns the words of a name in any spelling: `userId`, `USER_ID` and `https://acme.example/user-id` have the same ones. */
function wordsOf(name: string): readonly string[] {
  return (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase());
}

/** Headers that HTTP or the network door sets. */
export const reservedHeaders = new Set(
  `accept accept-encoding connection content-encoding content-length content-type cookie expect host keep-alive
   proxy-authorization proxy-connection te trailer transfer-encoding upgrade user-agent`.split(/\s+/),
);

/** Returns what is wrong with the templates of a recipe: where a hostile text could change the meaning of what is sent. */
export function findTemplateProblems(recipe: Recipe): readonly SchemaProblem[] {
  return findUseProblems(listUses(recipe), recipe);
}

/** Returns what is wrong with some templates of a recipe. */
export function findUseProblems(uses: readonly Use[], recipe: Pick<Recipe, 'options'>): readonly SchemaProblem[] {
  return uses.flatMap((use) => {
    const problem = describeProblem(use, recipe);
    return problem === undefined ? [] : [{ field: use.place, message: problem }];
  });
}

function describeProblem(use: Use, recipe: Pick<Recipe, 'options'>): string | undefined {
  let parts: readonly TemplatePart[];
  try {
    parts = parseTemplate(use.text);
  } catch (error) {
    return error instanceof TypeError ? error.message : undefined;
  }
  if (use.destination === 'header' && reservedHeaders.has(use.names.at(-1) ?? '')) {
    return 'is a header that HTTP or the broker sets';
  }
  if (use.destination === 'key' && !(isWholeExpression(parts) && parts[0].filters.length === 0)) {
    return 'must be a secret alone, such as {secrets.apiKey}';
  }
  for (const expression of parts) {
    if (typeof expression === 'string') continue;
    const flow = flowOf(expression, use.scope);
    const problem =
      flow === undefined
        ? `reads ${expression.path.join('.')}, which is not known here`
        : describeFlow({ use, expression, flow }, recipe);
    if (problem !== undefined) return problem;
  }
  if (use.destination === 'path') return describePath(parts) ?? describeSegments(use, parts);
  if (use.destination === 'header' && !isHeaderText(parts)) return 'has a character that no header can have';
  return describeMixture(use, parts);
}

function describeFlow(flowing: Flowing, recipe: Pick<Recipe, 'options'>): string | undefined {
  return (
    describeSecret(flowing) ??
    describeHost(flowing, recipe) ??
    describeStructure(flowing) ??
    describeCharacters(flowing) ??
    describeUndecided(flowing)
  );
}

const placesOfSecrets = new Set(['header', 'body', 'key', 'message', 'name']);

function describeSecret({ use: { destination }, flow }: Flowing): string | undefined {
  if (destination === 'key' && !flow.isSecret) return 'must be a secret';
  return flow.isSecret && !placesOfSecrets.has(destination) ? `puts a secret into the ${destination}` : undefined;
}

/** Only words of the operator build a host: no claim, no response and no caller does. */
function describeHost(
  { use, expression: { path } }: Flowing,
  { options }: Pick<Recipe, 'options'>,
): string | undefined {
  if (use.destination !== 'base URL') return undefined;
  const [root, name = ''] = path;
  const option = root === 'options' ? options[name] : undefined;
  const label = parseCharacters('a-z0-9-');
  const isLabel = option?.values?.every((text) => label.accepts(text)) ?? option?.characters === 'a-z0-9-';
  return isLabel ? undefined : 'must read only options that have `values`, or `characters` that are `a-z0-9-`';
}

const placesOfTexts = new Set([
  'header',
  'path',
  'token header',
  'message',
  'token text',
  'key',
  'base URL',
  'user id',
]);

function describeStructure({ use: { destination }, expression, flow }: Flowing): string | undefined {
  if (flow.misused === 'join') {
    return 'joins texts that may themselves have the separator: restrict the `characters` of the members';
  }
  if (flow.misused !== undefined) return `has the filter ${flow.misused} on a value that is no time of the broker`;
  if (destination === 'token header' && flow.isForeign) return 'puts a foreign text into the header of a token';
  return isList(expression, flow) && placesOfTexts.has(destination)
    ? 'puts a list where a text belongs: use `join` or `json`'
    : undefined;
}

/** Places that are refused when a token is minted if they have no text. */
const placesOfNeededTexts = new Set(['message', 'token text', 'path', 'user id']);

/**
 * Returns whether a value may be a list or an object of the recipe. A parameter or an option that has several members is a list,
 * whatever its place. A response is one text, in which any sign may stand.
 */
function isList({ path: [root] }: Expression, { isStructured, characters }: Flow): boolean {
  return isStructured && (root === 'parameters' || root === 'options' || !characters.has('"'));
}

/** The characters that change the path of a URL, however they are encoded. */
const pathCharacters = ['/', '\\', '%', '?', '#', ';'];

function describeCharacters({ use: { destination }, flow }: Flowing): string | undefined {
  if (destination === 'header' && !flow.isSecret && !fitsIntoHeader(flow.characters)) {
    return 'puts a text into a header that may have spaces, line breaks or other letters: restrict its `characters`, or encode it';
  }
  if (destination === 'path' && pathCharacters.some((character) => flow.characters.has(character))) {
    return 'puts a text into the path that may have a slash or a percent sign: restrict its `characters`, or encode it with base64url';
  }
  return undefined;
}

function describeUndecided({ use, flow }: Flowing): string | undefined {
  const [parameter] = flow.undecided;
  if (parameter === undefined) return undefined;
  const advice = 'set `from` to `policy`, or set `authorize`';
  const decisive = [...flow.undecided, ...use.names].find(
    (name) => wordsOf(name).some((word) => decisiveWords.has(word)) || /^can[A-Z_]/.test(name),
  );
  if (decisive !== undefined) return `lets a caller decide \`${decisive}\`: ${advice} of \`${parameter}\``;
  if (use.destination === 'path') return `lets a caller decide the path: ${advice} of \`${parameter}\``;
  return undefined;
}

/** A whole segment is encoded. Within a segment, a value must not be able to make it one that consists of dots. */
function describePath(parts: readonly TemplatePart[]): string | undefined {
  const literal = parts.filter((part) => typeof part === 'string').join('');
  const marked = parts.map((part) => (typeof part === 'string' ? part : 'x')).join('');
  if (/[?#%\\]|\s/.test(literal)) return 'must be a path without a query; use `query`';
  const segments = marked.slice(1).split('/');
  return segments.some((segment) => segment === '' || /^\.+$/.test(segment)) && marked !== '/'
    ? 'has a segment that is empty, . or ..'
    : undefined;
}

/** Within one segment, two values need a separator as in any other text. */
function describeSegments(use: Use, parts: readonly TemplatePart[]): string | undefined {
  const segments: TemplatePart[][] = [[]];
  for (const part of parts) {
    const [first = '', ...others] = typeof part === 'string' ? part.split('/') : [part];
    segments.at(-1)?.push(first);
    segments.push(...others.map((text) => [text]));
  }
  const mixed = segments.filter((segment) => segment.filter((part) => typeof part === 'object').length > 1);
  return mixed.map((segment) => describeMixture(use, segment)).find((problem) => problem !== undefined);
}

/** The text of a header is visible ASCII with spaces between (RFC 9110 section 5.5). */
function isHeaderText(parts: readonly TemplatePart[]): boolean {
  return parts.every((part) => typeof part !== 'string' || /^[\x20-\x7e]*$/.test(part));
}

/**
 * Beside other text, a foreign value must have none of the signs that separate the parts: no space in a list of scopes, no colon
 * in a signed line. Between two values that callers or vendors choose, a separator must tell where the first one ends.
 */
function describeMixture(use: Use, parts: readonly TemplatePart[]): string | undefined {
  if (parts.length < 2 || isWholeExpression(parts)) return undefined;
  const signs = [...parts.filter((part) => typeof part === 'string').join('')].filter(
    (sign) => !/[A-Za-z0-9]/.test(sign),
  );
  const flows = parts.map((part) => (typeof part === 'string' ? undefined : flowOf(part, use.scope)));
  let previous: Flow | undefined;
  let between = '';
  for (const [index, part] of parts.entries()) {
    if (typeof part === 'string') {
      between += part;
      continue;
    }
    const flow = flows[index];
    if (flow === undefined) continue;
    if (isList(part, flow)) return 'puts a list beside other text: use `join` or `json`';
    const isSafe = use.destination === 'message' && index === parts.length - 1 && isJsonText(part);
    const sign = flow.isForeign && !isSafe ? signs.find((one) => flow.characters.has(one)) : undefined;
    if (sign !== undefined) return describeSeparator(sign);
    if (!flow.isChosen) continue;
    if (previous !== undefined) {
      const [first, second] = [previous.characters, flow.characters];
      const separates = [...between].some((one) => !first.has(one) && (isSafe || !second.has(one)));
      if (!separates)
        return between === '' ? 'has two foreign texts without a separator between them' : describeSeparator(between);
    }
    previous = flow;
    between = '';
  }
  const chosen = flows.filter((flow) => flow?.isChosen === true);
  const isDropped = chosen.length > 1 && chosen.some((flow) => flow?.isOptional === true);
  return isDropped && !placesOfNeededTexts.has(use.destination)
    ? 'leaves out another value if one is absent: set a `default`, or write the two in fields of their own'
    : undefined;
}

function describeSeparator(sign: string): string {
  return `puts a text beside others that may itself have the separator ${JSON.stringify(sign)}: restrict its \`characters\`, or encode it`;
}

/** A JSON text has its own ends. At the end of a signed line, no sign in it separates parts of the line. */
function isJsonText(part: TemplatePart): boolean {
  return typeof part === 'object' && ['json', 'canonical-json'].includes(part.filters.at(-1)?.name ?? '');
}
