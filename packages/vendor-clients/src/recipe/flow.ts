import { alphanumeric, base64url, parseCharacters, printable, unite, type CharacterSet } from './character-set.ts';
import { filters, hidesSecret } from './filters.ts';
import type { Recipe, RecipeOption, RecipeParameter } from './recipe-schema.ts';
import { parseTemplate, type Expression, type ValueTemplate } from './template.ts';

/** Where a value comes from, and what it may hold. */
export interface Flow {
  readonly characters: CharacterSet;
  readonly isSecret: boolean;
  /** Whether its text comes from a caller, a claim or a vendor, so that it may be hostile. */
  readonly isForeign: boolean;
  /** The parameters of callers in it about which no policy decides. */
  readonly undecided: readonly string[];
}

const own: Flow = { characters: alphanumeric, isSecret: false, isForeign: false, undecided: [] };
const foreign: Flow = { ...own, characters: printable, isForeign: true };
const secret: Flow = { ...own, characters: printable, isSecret: true };

/** The values that templates may read, by the first word of their path. A function takes the second word. */
export type Scope = ReadonlyMap<string, Flow | ((name: string) => Flow | undefined)>;

/** Returns what every template of a recipe may read. */
export function scopeOf(recipe: Recipe): Map<string, Flow | ((name: string) => Flow | undefined)> {
  const { secrets, options, parameters, subject, life } = recipe;
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
  if (type === 'number' || type === 'flag') return { ...own, undecided };
  if (values !== undefined && type === 'text') return { ...own, characters: ofTexts(values), undecided };
  const set = type === 'text' ? parseCharacters(characters ?? 'printable') : printable;
  return { ...foreign, characters: set, undecided };
}

function ofTexts(texts: readonly string[]): CharacterSet {
  const members = new Set(texts.join(''));
  return { has: (character) => members.has(character), accepts: (text) => [...text].every((one) => members.has(one)) };
}

/** What later templates may read of a step. */
export const ofResponse: Flow = foreign;
export const ofSignature: Flow = { ...own, characters: parseCharacters('A-Za-z0-9+/=_.-') };

/** Returns the flow of an expression, or undefined if it names nothing. */
export function flowOf({ path: [root = '', field = ''], filters: calls }: Expression, scope: Scope): Flow | undefined {
  const entry = scope.get(root);
  let flow = typeof entry === 'function' ? entry(field) : entry;
  for (const { name, argument } of calls) {
    if (flow === undefined) return undefined;
    const characters = filters[name]?.characters ?? flow.characters;
    flow = { ...flow, characters, isSecret: flow.isSecret && !hidesSecret(name, argument) };
  }
  return flow;
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
  return { ...flows.reduce(join, own), characters: printable };
}

function join(one: Flow, other: Flow): Flow {
  return {
    characters: unite(one.characters, other.characters),
    isSecret: one.isSecret || other.isSecret,
    isForeign: one.isForeign || other.isForeign,
    undecided: [...one.undecided, ...other.undecided],
  };
}
