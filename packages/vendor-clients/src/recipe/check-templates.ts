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

/** Words of fields that decide what a token may do, for whom, for how long, or what it costs. */
const decisiveWords = new Set(
  `account accounts admin agent agents alg amount aud audience capability capabilities customer exp expires expiration expiry grant
   grants identity iss issuer kid lifetime model models nbf owner permission permissions plan price privilege privileges role roles
   scope scopes sub subject tenant tier ttl uid user users`.split(/\s+/),
);

/** Headers that HTTP or the network door sets. */
const reservedHeaders = new Set(
  `accept accept-encoding connection content-encoding content-length content-type cookie expect host keep-alive
   proxy-authorization proxy-connection te trailer transfer-encoding upgrade user-agent`.split(/\s+/),
);

/** Returns what is wrong with the templates of a recipe: where a hostile text could change the meaning of what is sent. */
export function findTemplateProblems(recipe: Recipe): readonly SchemaProblem[] {
  return listUses(recipe).flatMap((use) => {
    const problem = describeProblem(use, recipe);
    return problem === undefined ? [] : [{ field: use.place, message: problem }];
  });
}

function describeProblem(use: Use, recipe: Recipe): string | undefined {
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
  if (use.destination === 'path') return describePath(parts);
  return describeMixture(use, parts);
}

function describeFlow(flowing: Flowing, recipe: Recipe): string | undefined {
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
function describeHost({ use, expression: { path } }: Flowing, { options }: Recipe): string | undefined {
  if (use.destination !== 'base URL') return undefined;
  const [root, name = ''] = path;
  const option = root === 'options' ? options[name] : undefined;
  const label = parseCharacters('a-z0-9-');
  const isLabel = option?.values?.every((text) => label.accepts(text)) ?? option?.characters === 'a-z0-9-';
  return isLabel ? undefined : 'must read only options that have `values`, or `characters` that are `a-z0-9-`';
}

const placesOfTexts = new Set(['header', 'path', 'token header', 'message', 'key', 'base URL', 'user id']);

function describeStructure({ use: { destination }, expression, flow }: Flowing): string | undefined {
  if (flow.misused !== undefined) {
    return 'joins texts that may themselves have the separator: restrict the `characters` of the members';
  }
  if (destination === 'token header' && flow.isForeign) return 'puts a foreign text into the header of a token';
  // A field of a response that is no text is refused when it is read, but a whole parameter may be a list.
  const isList = flow.isStructured && expression.path[0] === 'parameters';
  return isList && placesOfTexts.has(destination)
    ? 'puts a list where a text belongs: use `join` or `json`'
    : undefined;
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
  const words = (name: string) => name.split(/[_-]|(?=[A-Z])/).map((word) => word.toLowerCase());
  const decisive = [parameter, ...use.names].find(
    (name) => words(name).some((word) => decisiveWords.has(word)) || /^can[A-Z_]/.test(name),
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

/**
 * Beside other text, a foreign value must have none of the signs that separate the parts: no space in a list of scopes, no colon
 * in a signed line.
 */
function describeMixture(use: Use, parts: readonly TemplatePart[]): string | undefined {
  if (parts.length < 2 || isWholeExpression(parts)) return undefined;
  const signs = [...parts.filter((part) => typeof part === 'string').join('')].filter(
    (sign) => !/[A-Za-z0-9]/.test(sign),
  );
  let previousIsForeign = false;
  for (const part of parts) {
    const flow = typeof part === 'string' ? undefined : flowOf(part, use.scope);
    const isForeign = flow?.isForeign === true;
    if (flow?.isStructured === true && typeof part === 'object' && part.path[0] === 'parameters') {
      return 'puts a list beside other text: use `join` or `json`';
    }
    const isLast = part === parts.at(-1);
    const isSafe = use.destination === 'message' && isLast && isJsonText(part);
    const sign = isForeign && !isSafe ? signs.find((one) => flow.characters.has(one)) : undefined;
    if (sign !== undefined) {
      return `puts a text beside others that may itself have the separator ${JSON.stringify(sign)}: restrict its \`characters\`, or encode it`;
    }
    if (isForeign && previousIsForeign) return 'has two foreign texts without a separator between them';
    previousIsForeign = isForeign;
  }
  return undefined;
}

/** A JSON text has its own ends. At the end of a signed line, no sign in it separates parts of the line. */
function isJsonText(part: TemplatePart): boolean {
  return typeof part === 'object' && ['json', 'canonical-json'].includes(part.filters.at(-1)?.name ?? '');
}
