import { filters, toText } from './filters.ts';

/** A value of JSON whose texts are templates. */
export type ValueTemplate =
  | string
  | number
  | boolean
  | null
  | readonly ValueTemplate[]
  | { readonly [name: string]: ValueTemplate };

/** One application of a filter, such as `prefix(4)`. */
export interface FilterCall {
  readonly name: string;
  readonly argument: string;
}

/** An expression of a template, such as `{steps.mint.value | base64}`. */
export interface Expression {
  /** The path of the value, such as `['mint', 'value']`. */
  readonly path: readonly string[];
  readonly filters: readonly FilterCall[];
}

/** A text, parsed into its literal parts and its expressions. */
export type TemplatePart = string | Expression;

/** The values that expressions read. */
export type Values = Readonly<Record<string, unknown>>;

const expressionForm = /^\s*([A-Za-z][\w-]*(?:\.[\w-]+)*)\s*((?:\|[^|]*)*)$/;
const filterForm = /^\s*([a-z][a-z0-9-]*)\s*(?:\((.*)\))?\s*$/;

/**
 * Parses a text template. `{path | filter}` is an expression, `{{` and `}}` are braces.
 *
 * Throws a `TypeError` for an unclosed brace, an expression that is none, and an unknown filter.
 */
export function parseTemplate(text: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let literal = '';
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] ?? '';
    const isDoubled = text[index + 1] === character;
    if ((character === '{' || character === '}') && isDoubled) {
      literal += character;
      index += 1;
    } else if (character === '}') {
      throw new TypeError('has a closing brace without an opening one; write }} for a brace');
    } else if (character === '{') {
      const end = text.indexOf('}', index);
      if (end < 0) throw new TypeError('has an opening brace without a closing one; write {{ for a brace');
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(parseExpression(text.slice(index + 1, end)));
      index = end;
    } else {
      literal += character;
    }
  }
  if (literal !== '') parts.push(literal);
  return parts;
}

function parseExpression(text: string): Expression {
  const [, path, calls] = expressionForm.exec(text) ?? [];
  if (path === undefined) throw new TypeError('has an expression that is none, such as {parameters.room | base64}');
  const texts = (calls ?? '').split('|').slice(1);
  return { path: path.split('.'), filters: texts.map(parseFilter) };
}

function parseFilter(text: string): FilterCall {
  const [, name = '', argument = ''] = filterForm.exec(text) ?? [];
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  const known = Object.keys(filters).join(', ');
  if (filter === undefined) throw new TypeError(`has an unknown filter; known are ${known}`);
  const isRight = filter.argument === undefined ? argument === '' : filter.argument.test(argument);
  if (!isRight) throw new TypeError(`has the filter ${name} with an argument that it does not take`);
  return { name, argument };
}

/** Returns whether a template is one expression, whose value keeps its type. */
export function isWholeExpression(parts: readonly TemplatePart[]): parts is readonly [Expression] {
  return parts.length === 1 && typeof parts[0] === 'object';
}

type Compiled = (values: Values) => unknown;

/**
 * Compiles a value to a function that returns it. A part whose value is absent is left out, and so is an object within another
 * one if all of its members are absent. A literal `{}` stays.
 */
export function compileValue(template: ValueTemplate): Compiled {
  if (typeof template === 'string') return compileText(template);
  if (typeof template !== 'object' || template === null) return () => template;
  return Array.isArray(template) ? compileList(template) : compileObject(template as { [name: string]: ValueTemplate });
}

function compileList(template: readonly ValueTemplate[]): Compiled {
  const members = template.map(compileValue);
  return (values) => members.map((member) => member(values)).filter((member) => member !== undefined);
}

function compileObject(template: { readonly [name: string]: ValueTemplate }): Compiled {
  const fields = Object.entries(template).map(([name, value]) => [name, compileMember(value)] as const);
  return (values) => {
    const object: Record<string, unknown> = {};
    for (const [name, valueOf] of fields) {
      const value = valueOf(values);
      if (value !== undefined) object[name] = value;
    }
    return object;
  };
}

function compileMember(template: ValueTemplate): Compiled {
  const valueOf = compileValue(template);
  const isObject = typeof template === 'object' && template !== null && !Array.isArray(template);
  if (!isObject || isEmpty(template)) return valueOf;
  return (values) => {
    const value = valueOf(values) as object;
    return isEmpty(value) ? undefined : value;
  };
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}

function compileText(template: string): Compiled {
  const parts = parseTemplate(template);
  const [first] = parts;
  if (parts.length === 0) return () => '';
  if (parts.length === 1 && first !== undefined)
    return typeof first === 'string' ? () => first : compileExpression(first);
  const pieces = parts.map((part) => (typeof part === 'string' ? () => part : compileExpression(part)));
  return (values) => {
    let text = '';
    for (const piece of pieces) {
      const value = piece(values);
      if (value === undefined) return undefined;
      text += toText(value);
    }
    return text;
  };
}

/** Compiles an expression. It reads own fields only, so that no vendor's response can name one of a prototype. */
export function compileExpression({ path, filters: calls }: Expression): Compiled {
  const [root = '', ...rest] = path;
  const read = (values: Values): unknown => {
    let value = Object.hasOwn(values, root) ? values[root] : undefined;
    for (const name of rest) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as Values)[name];
    }
    return value ?? undefined;
  };
  if (calls.length === 0) return read;
  const steps = calls.map(({ name, argument }) => [filters[name]?.apply, argument] as const);
  return (values) => {
    let value = read(values);
    for (const [apply, argument] of steps) {
      if (value === undefined) return undefined;
      value = apply?.(value, argument);
    }
    return value;
  };
}
