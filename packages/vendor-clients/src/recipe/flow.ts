import { alphanumeric, base64url, parseCharacters, printable, unite, type CharacterSet } from './character-set.ts';
import { filters, hidesSecret } from './filters.ts';
import type { Recipe, RecipeOption, RecipeParameter } from './recipe-schema.ts';
import { parseTemplate, type Expression, type FilterCall, type ValueTemplate } from './template.ts';

/** Where a value comes from, and what it may hold. */
export interface Flow {
  readonly characters: CharacterSet;
  readonly isSecret: boolean;
  /** Whether its text comes from a caller, a claim or a vendor, so that it may be hostile. */
  readonly isForeign: boolean;
  /** Whether it may be a list or an object, which has no one spelling as a text. */
  readonly isStructured: boolean;
  /** The parameters of callers in it about which no policy decides. */
  readonly undecided: readonly string[];
  /** The first filter that it may not pass, if there is one. */
  readonly misused?: string | undefined;
}

const own: Flow = {
  characters: alphanumeric,
  isSecret: false,
  isForeign: false,
  isStructured: false,
  undecided: [],
};
const foreign: Flow = { ...own, characters: printable, isForeign: true };
const secret: Flow = { ...own, characters: printable, isSecret: true };

/** The values that templates may read, by the first word of their path. A function takes the second word. */
export type Scope = ReadonlyMap<string, Flow | ((name: string) => Flow | undefined)>;

/** Returns what every template of a recipe may read. */
export function scopeOf(recipe: Recipe): Map<string, Flow | ((name: string) => Flow | undefined)> {
  const { secrets, options, parameters, subject, service, life } = recipe;
  const scope = new Map<string, Flow | ((name: string) => Flow | undefined)>([
    ['secrets', (name) => (Object.hasOwn(secrets, name) ? secret : undefined)],
    ['options', (name) => (Object.hasOwn(options, name) ? ofOption(options[name]) : undefined)],
    ['parameters', (name) => (Object.hasOwn(parameters, name) ? ofParameter(name, parameters[name]) : undefined)],
    ['now', own],
    ['uuid', { ...own, characters: base64url }],
  ]);
  if (subject !== undefined) {
    const user: Flow = { ...foreign, characters: parseCharacters(subject.characters) };
    scope.set('user', (name) => (name === 'id' ? user : undefined));
  }
  if (service !== undefined) scope.set('service', (name) => (name === 'token' ? secret : undefined));
  if (life !== undefined) scope.set('life', own).set('expiry', own);
  return scope;
}

function ofOption(option: RecipeOption | undefined): Flow {
  const { type = 'text', characters, values } = option ?? {};
  if (type !== 'text') return own;
  return { ...own, characters: values === undefined ? parseCharacters(characters ?? 'printable') : ofTexts(values) };
}

function ofParameter(name: string, parameter: RecipeParameter | undefined): Flow {
  const { type = 'text', characters, values, from, authorize } = parameter ?? {};
  const undecided = from === 'caller' && authorize === undefined ? [name] : [];
  if (type === 'number') return { ...own, characters: parseCharacters('0-9-'), undecided };
  if (type === 'flag') return { ...own, undecided };
  if (type === 'json') return { ...foreign, isStructured: true, undecided };
  const isStructured = type === 'list';
  if (values !== undefined) return { ...own, characters: ofTexts(values), isStructured, undecided };
  return { ...foreign, characters: parseCharacters(characters ?? 'printable'), isStructured, undecided };
}

function ofTexts(texts: readonly string[]): CharacterSet {
  const members = new Set(texts.join(''));
  return { has: (character) => members.has(character), accepts: (text) => [...text].every((one) => members.has(one)) };
}

/** What later templates may read of a step. */
export const ofResponse: Flow = { ...foreign, isStructured: true };
export const ofSignature: Flow = { ...own, characters: parseCharacters('A-Za-z0-9+/=_.-') };

/** Returns the flow of an expression, or undefined if it names nothing. */
export function flowOf({ path: [root = '', field = ''], filters: calls }: Expression, scope: Scope): Flow | undefined {
  const entry = scope.get(root);
  let flow = typeof entry === 'function' ? entry(field) : entry;
  for (const call of calls) {
    if (flow === undefined) return undefined;
    flow = afterFilter(flow, call);
  }
  return flow;
}

function afterFilter(flow: Flow, { name, argument }: FilterCall): Flow {
  const isSecret = flow.isSecret && !hidesSecret(name, argument);
  if (name === 'join') {
    // A member that has the separator would become two members.
    const misused = flow.isForeign && flow.characters.has(argument) ? name : flow.misused;
    return { ...flow, characters: unite(flow.characters, ofTexts([argument])), isStructured: false, misused };
  }
  const { characters } = filters[name] ?? {};
  const isStructured = name === 'list' || (flow.isStructured && characters === undefined);
  return { ...flow, characters: characters ?? flow.characters, isSecret, isStructured };
}

/** Returns the flow of a value: what all of its templates may hold together. Unknown names hold nothing. */
export function flowOfValue(value: ValueTemplate, scope: Scope): Flow {
  if (typeof value === 'string') {
    const flows = parseTemplate(value).map((part) =>
      typeof part === 'string' ? { ...own, characters: ofTexts([part]) } : (flowOf(part, scope) ?? own),
    );
    return flows.reduce(join, { ...own, characters: ofTexts([]) });
  }
  if (typeof value !== 'object' || value === null) return own;
  const flows = Object.values(value).map((member: ValueTemplate) => flowOfValue(member, scope));
  return { ...flows.reduce(join, own), characters: printable, isStructured: true };
}

function join(one: Flow, other: Flow): Flow {
  return {
    characters: unite(one.characters, other.characters),
    isSecret: one.isSecret || other.isSecret,
    isForeign: one.isForeign || other.isForeign,
    isStructured: one.isStructured || other.isStructured,
    misused: one.misused ?? other.misused,
    undecided: [...one.undecided, ...other.undecided],
  };
}
