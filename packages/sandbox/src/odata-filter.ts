import { QueryError, readProperty, type EntityType, type Row } from './odata-types.ts';

type Test = (row: Row) => boolean;

interface Token {
  readonly kind: 'mark' | 'text' | 'word';
  readonly value: string;
}

const tokenPattern = /\s*(?:([(),])|'((?:[^']|'')*)'|([\w.+-]+))/y;
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

/** What cannot be compared, like null with anything, is in no order: every comparison with it is false. */
const order = (left: unknown, right: unknown): number => {
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : Number(left > right);
  return typeof left === 'number' && typeof right === 'number' ? left - right : Number.NaN;
};

const splitIntoTokens = (filter: string): readonly Token[] => {
  const tokens: Token[] = [];
  const text = filter.trimEnd();
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const [, mark, quoted, word] = tokenPattern.exec(text) ?? syntaxError();
    if (mark !== undefined) tokens.push({ kind: 'mark', value: mark });
    else if (word !== undefined) tokens.push({ kind: 'word', value: word });
    else tokens.push({ kind: 'text', value: (quoted ?? '').replaceAll("''", "'") });
  }
  return tokens;
};

const syntaxError = (): never => {
  throw new QueryError('InvalidFilter', 'The $filter expression is not valid');
};

/**
 * Reads a `$filter` by descent: `or` of `and` of `not`, parentheses, comparisons and functions, each with a property on
 * its left. Throws a `QueryError` for what is none.
 */
export const parseFilter = (filter: string, type: EntityType): Test => {
  const tokens = splitIntoTokens(filter);
  let position = 0;
  let depth = 0;

  const isNext = (kind: Token['kind'], value: string): boolean =>
    tokens[position]?.kind === kind && tokens[position]?.value === value;
  const take = (kind: Token['kind']): string => {
    const token = tokens[position];
    if (token?.kind !== kind) return syntaxError();
    position += 1;
    return token.value;
  };
  const takeMark = (mark: string): void => {
    if (take('mark') !== mark) syntaxError();
  };

  const parseJoined = (word: 'or' | 'and', parseOne: () => Test, join: (tests: Test[]) => Test): Test => {
    const tests = [parseOne()];
    while (isNext('word', word)) {
      position += 1;
      tests.push(parseOne());
    }
    return join(tests);
  };
  const parseOr = (): Test => parseJoined('or', parseAnd, (tests) => (row) => tests.some((test) => test(row)));
  const parseAnd = (): Test => parseJoined('and', parseOne, (tests) => (row) => tests.every((test) => test(row)));

  const parseOne = (): Test => {
    if (isNext('mark', '(')) return parseGroup();
    const word = take('word');
    if (word === 'not') return parseNegation();
    const call = functions.get(word);
    return call !== undefined && isNext('mark', '(') ? parseCall(call) : parseComparison(word);
  };

  const parseGroup = (): Test => {
    depth += 1;
    // A stack is finite, and a filter is somebody else's.
    if (depth > maxDepth) syntaxError();
    takeMark('(');
    const test = parseOr();
    takeMark(')');
    depth -= 1;
    return test;
  };

  /** `not` binds more tightly than `eq`, so what it negates is a group or a function. */
  const parseNegation = (): Test => {
    const isFunction = functions.has(tokens[position]?.value ?? '');
    if (!isNext('mark', '(') && !isFunction) syntaxError();
    const test = parseOne();
    return (row) => !test(row);
  };

  const parseCall = (call: (text: string, part: string) => boolean): Test => {
    takeMark('(');
    const read = readProperty(type, take('word'), 'InvalidFilter');
    takeMark(',');
    const part = take('text');
    takeMark(')');
    return (row) => {
      const value = read(row);
      return typeof value === 'string' && call(value, part);
    };
  };

  const parseComparison = (property: string): Test => {
    const compare = comparisons.get(take('word')) ?? syntaxError();
    const read = readProperty(type, property, 'InvalidFilter');
    const expected = isNext('text', tokens[position]?.value ?? '') ? take('text') : readLiteral(take('word'));
    return (row) => compare(read(row), expected);
  };

  const test = parseOr();
  return position === tokens.length ? test : syntaxError();
};

const readLiteral = (word: string): unknown =>
  /^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?)$/.test(word) ? JSON.parse(word) : syntaxError();
