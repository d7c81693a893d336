import {
  alphanumeric,
  base64url,
  charactersOf,
  parseCharacters,
  printable,
  unite,
  type CharacterSet,
} from './character-set.ts';
import { filters, hidesSecret } from './filters.ts';
import type { Recipe, RecipeOption, RecipeParameter } from './recipe-schema.ts';
import type { RecipeSign } from './step-schema.ts';
import { isWholeExpression, parseTemplate, type Expression, type FilterCall, type ValueTemplate } from './template.ts';

/** Where a value comes from, and what it may hold. */
export interface Flow {
  readonly characters: CharacterSet;
  readonly isSecret: boolean;
  /** Whether its text comes from a caller, a claim or a vendor, so that it may be hostile. */
  readonly isForeign: boolean;
  /** Whether every token of a connection has the same: it is written by the operator. */
  readonly isConstant: boolean;
  /** Whether a caller, a claim or a vendor chooses it, so that only a separator tells where it ends. */
  readonly isChosen: boolean;
  /** Whether it may be absent: the whole text in which it stands is then left out. */
  readonly isOptional: boolean;
  /** Whether it is a number of seconds that the broker computes. */
  readonly isTime: boolean;
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
  isConstant: false,
  isChosen: false,
  isOptional: false,
  isTime: false,
  isStructured: false,
  undecided: [],
};
const foreign: Flow = { ...own, characters: printable, isForeign: true, isChosen: true };
const constant: Flow = { ...own, isConstant: true };
const secret: Flow = { ...constant, characters: printable, isSecret: true };
const time: Flow = { ...own, characters: parseCharacters('0-9'), isTime: true };

/** The values that templates may read, by the first word of their path. A function takes the second word. */
export type Scope = ReadonlyMap<string, Flow | ((name: string) => Flow | undefined)>;

type Scoped = Pick<Recipe, 'secrets' | 'options' | 'parameters'> &
  Partial<Pick<Recipe, 'subject' | 'life' | 'service'>>;

/** Returns what every template of a recipe may read. */
export function scopeOf(recipe: Scoped): Map<string, Flow | ((name: string) => Flow | undefined)> {
  const { secrets, options, parameters, subject, service, life } = recipe;
  const scope = new Map<string, Flow | ((name: string) => Flow | undefined)>([
    ['secrets', (name) => (Object.hasOwn(secrets, name) ? secret : undefined)],
    ['options', (name) => (Object.hasOwn(options, name) ? ofOption(options[name]) : undefined)],
    ['parameters', (name) => (Object.hasOwn(parameters, name) ? ofParameter(name, parameters[name]) : undefined)],
    ['now', time],
    ['uuid', { ...own, characters: base64url }],
  ]);
  if (subject !== undefined) {
    const user: Flow = { ...foreign, characters: parseCharacters(subject.characters) };
    scope.set('user', (name) => (name === 'id' ? user : undefined));
  }
  if (service !== undefined) scope.set('service', (name) => (name === 'token' ? secret : undefined));
  if (life !== undefined) scope.set('life', { ...time, isChosen: true }).set('expiry', time);
  return scope;
}

function ofOption(option: RecipeOption | undefined): Flow {
  const { type = 'text', characters, values, optional } = option ?? {};
  const base: Flow = { ...constant, isOptional: optional === true };
  if (type !== 'text' && type !== 'list') return base;
  const allowed = values === undefined ? parseCharacters(characters ?? 'printable') : charactersOf(values);
  return { ...base, characters: allowed, isStructured: type === 'list' };
}

function ofParameter(name: string, parameter: RecipeParameter | undefined): Flow {
  const { type = 'text', characters, values, min = 0, from, authorize, optional } = parameter ?? {};
  const undecided = from === 'caller' && authorize === undefined ? [name] : [];
  const base: Flow = { ...own, isChosen: true, isOptional: optional === true, undecided };
  if (type === 'number') return { ...base, characters: parseCharacters(min < 0 ? '0-9-' : '0-9') };
  if (type === 'flag') return base;
  if (type === 'json') return { ...base, characters: printable, isForeign: true, isStructured: true };
  const isStructured = type === 'list';
  if (values !== undefined) return { ...base, characters: charactersOf(values), isStructured };
  return { ...base, characters: parseCharacters(characters ?? 'printable'), isForeign: true, isStructured };
}

/** What later templates may read of a step. */
export const ofResponse: Flow = { ...foreign, isStructured: true };
export const ofSignature: Flow = { ...own, characters: parseCharacters('A-Za-z0-9+/=_.-') };

/** Returns what a text that is signed results in. A digest of nothing but words of the operator is as secret as they are. */
export function flowOfSignature({ key, message }: RecipeSign, scope: Scope): Flow {
  const { isSecret, isConstant } = flowOfValue(message, scope);
  return key === undefined && isSecret && isConstant ? { ...ofSignature, isSecret, isConstant } : ofSignature;
}

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
    return { ...flow, characters: unite(flow.characters, charactersOf([argument])), isStructured: false, misused };
  }
  const { characters, of } = filters[name] ?? {};
  const isRight = of === undefined || flow.isTime || (of === 'number' && !flow.isForeign && !flow.characters.has('a'));
  const isStructured = name === 'list' || (flow.isStructured && characters === undefined);
  const misused = isRight ? flow.misused : name;
  return { ...flow, characters: characters ?? flow.characters, isSecret, isStructured, isTime: false, misused };
}

/** Returns the flow of a value: what all of its templates may hold together. Unknown names hold nothing. */
export function flowOfValue(value: ValueTemplate, scope: Scope): Flow {
  if (typeof value === 'string') {
    const parts = parseTemplate(value);
    if (isWholeExpression(parts)) return flowOf(parts[0], scope) ?? own;
    const flows = parts.map((part) =>
      typeof part === 'string' ? { ...constant, characters: charactersOf([part]) } : (flowOf(part, scope) ?? own),
    );
    return flows.reduce(join, { ...constant, characters: charactersOf([]) });
  }
  if (typeof value !== 'object' || value === null) return constant;
  const flows = Object.values(value).map((member: ValueTemplate) => flowOfValue(member, scope));
  // An absent member is left out of the whole, which stays.
  return { ...flows.reduce(join, constant), characters: printable, isStructured: true, isOptional: false };
}

function join(one: Flow, other: Flow): Flow {
  return {
    characters: unite(one.characters, other.characters),
    isSecret: one.isSecret || other.isSecret,
    isForeign: one.isForeign || other.isForeign,
    isConstant: one.isConstant && other.isConstant,
    isChosen: one.isChosen || other.isChosen,
    isOptional: one.isOptional || other.isOptional,
    isTime: false,
    isStructured: one.isStructured || other.isStructured,
    misused: one.misused ?? other.misused,
    undecided: [...one.undecided, ...other.undecided],
  };
}
