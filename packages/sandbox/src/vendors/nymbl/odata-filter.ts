import { createTokenReader, refuseSyntax, type TokenReader } from './odata-tokens.ts';
import { createPropertyReader, type EntityType, type Row } from './odata-types.ts';

type Test = (row: Row) => boolean;

/** The state of one parse. */
interface Parse {
  readonly tokens: TokenReader;
  readonly type: EntityType;
  /** The number of groups that enclose the next token. */
  readonly depth: number;
}

/** Bounds the recursion, because a caller chooses the filter. */
const maxDepth = 100;

const comparisons: ReadonlyMap<string, (left: unknown, right: unknown) => boolean> = new Map([
  ['eq', (left, right) => left === right],
  ['ne', (left, right) => left !== right],
  ['gt', (left, right) => order(left, right) > 0],
  ['ge', (left, right) => order(left, right) >= 0],
  ['lt', (left, right) => order(left, right) < 0],
  ['le', (left, right) => order(left, right) <= 0],
]);

const functions: ReadonlyMap<string, (text: string, part: string) => boolean> = new Map([
  ['contains', (text, part) => text.includes(part)],
  ['startswith', (text, part) => text.startsWith(part)],
  ['endswith', (text, part) => text.endsWith(part)],
]);

/**
 * Parses a `$filter` by recursive descent: `or`, `and`, `not`, parentheses, and comparisons and functions whose first operand
 * is a property. Returns the test of a row. Throws a `QueryError` if the filter is not valid.
 */
export function parseFilter(filter: string, type: EntityType): Test {
  const tokens = createTokenReader(filter);
  const test = parseOr({ tokens, type, depth: 0 });
  return tokens.isAtEnd() ? test : refuseSyntax();
}

function parseOr(parse: Parse): Test {
  const tests = [parseAnd(parse)];
  while (parse.tokens.takeIf('word', 'or')) tests.push(parseAnd(parse));
  return (row) => tests.some((test) => test(row));
}

function parseAnd(parse: Parse): Test {
  const tests = [parseOne(parse)];
  while (parse.tokens.takeIf('word', 'and')) tests.push(parseOne(parse));
  return (row) => tests.every((test) => test(row));
}

function parseOne(parse: Parse): Test {
  if (parse.tokens.takeIf('mark', '(')) return parseGroup(parse);
  const word = parse.tokens.take('word');
  if (word === 'not') return parseNegation(parse);
  const call = functions.get(word);
  return call !== undefined && parse.tokens.takeIf('mark', '(') ? parseCall(parse, call) : parseComparison(parse, word);
}

function parseGroup({ depth, ...parse }: Parse): Test {
  if (depth >= maxDepth) refuseSyntax();
  const test = parseOr({ ...parse, depth: depth + 1 });
  expectMark(parse, ')');
  return test;
}

/** `not` binds more tightly than `eq`, so only a group or a function can follow it. */
function parseNegation(parse: Parse): Test {
  const isFunction = functions.has(parse.tokens.peek('word') ?? '');
  if (parse.tokens.peek('mark') !== '(' && !isFunction) refuseSyntax();
  const test = parseOne(parse);
  return (row) => !test(row);
}

function parseCall(parse: Parse, call: (text: string, part: string) => boolean): Test {
  const read = createPropertyReader(parse.type, parse.tokens.take('word'), 'InvalidFilter');
  expectMark(parse, ',');
  const part = parse.tokens.take('text');
  expectMark(parse, ')');
  return (row) => {
    const value = read(row);
    return typeof value === 'string' && call(value, part);
  };
}

function parseComparison({ tokens, type }: Parse, property: string): Test {
  const compare = comparisons.get(tokens.take('word')) ?? refuseSyntax();
  const read = createPropertyReader(type, property, 'InvalidFilter');
  const expected = tokens.peek('text') === undefined ? parseLiteral(tokens.take('word')) : tokens.take('text');
  return (row) => compare(read(row), expected);
}

function parseLiteral(word: string): unknown {
  return /^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?)$/.test(word) ? JSON.parse(word) : refuseSyntax();
}

function expectMark({ tokens }: Pick<Parse, 'tokens'>, mark: string): void {
  if (!tokens.takeIf('mark', mark)) refuseSyntax();
}

/** Returns NaN for values that cannot be compared, such as null, so that every comparison with them is false. */
function order(left: unknown, right: unknown): number {
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : Number(left > right);
  return typeof left === 'number' && typeof right === 'number' ? left - right : Number.NaN;
}
