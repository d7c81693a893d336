import { parseFilter } from './odata-filter.ts';
import { createPropertyReader, QueryError, type EntityType, type Row } from './odata-types.ts';

const maxTop = 100;
const maxExpandDepth = 3;
const knownOptions = new Set(['$top', '$skip', '$count', '$select', '$expand', '$filter', '$orderby']);

type Options = ReadonlyMap<string, string>;

export interface QueryResult {
  readonly value: readonly Row[];
  /** The number of rows that match on all pages. Absent without `$count=true`. */
  readonly count: number | undefined;
}

/**
 * Runs a query over rows: `$filter`, `$orderby`, `$skip`, `$top`, `$count`, `$select`, and `$expand` with nested options.
 * Throws a `QueryError` if the query is not valid.
 */
export function queryRows(
  type: EntityType,
  rows: readonly Row[],
  query: Iterable<readonly [string, string]>,
): QueryResult {
  const options = new Map(query);
  const expand = options.get('$expand');
  if (expand !== undefined && depthOf(expand) > maxExpandDepth) {
    throw new QueryError('InvalidExpand', `$expand may nest ${maxExpandDepth} levels deep`);
  }
  return runQuery(type, rows, options);
}

/** Returns one row as `$select` and `$expand` shape it; other options are ignored. */
export function queryRow(type: EntityType, row: Row, query: Iterable<readonly [string, string]>): Row {
  const options = [...query].filter(([name]) => name === '$select' || name === '$expand');
  return queryRows(type, [row], options).value[0] ?? row;
}

function runQuery(type: EntityType, rows: readonly Row[], options: Options): QueryResult {
  const unknown = [...options.keys()].find((name) => name.startsWith('$') && !knownOptions.has(name));
  if (unknown !== undefined) throw new QueryError('InvalidQueryOption', `${unknown} is not supported`);

  // A larger `$top` is not refused: the page is cut at the maximum.
  const top = Math.min(maxTop, parseWholeNumber(options, '$top', 'InvalidTop') ?? maxTop);
  const skip = parseWholeNumber(options, '$skip', 'InvalidSkip') ?? 0;
  const filter = options.get('$filter');
  const found = filter === undefined ? rows : rows.filter(parseFilter(filter, type));
  const sorted = found.toSorted(parseOrder(type, options.get('$orderby')));
  const shape = parseShape(type, options);
  return {
    value: sorted.slice(skip, skip + top).map(shape),
    count: options.get('$count') === 'true' ? found.length : undefined,
  };
}

function parseWholeNumber(options: Options, name: string, code: string): number | undefined {
  const text = options.get(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new QueryError(code, `${name} must be a whole number`);
  return Number(text);
}

/** Returns the function that compares rows as `$orderby` says. */
function parseOrder(type: EntityType, orderBy: string | undefined): (left: Row, right: Row) => number {
  const orders = (orderBy?.split(',') ?? []).map((part) => {
    const [property = '', direction = 'asc', ...more] = part.trim().split(/\s+/);
    if ((direction !== 'asc' && direction !== 'desc') || more.length > 0) {
      throw new QueryError('InvalidOrderBy', 'The $orderby expression is not valid');
    }
    const read = createPropertyReader(type, property, 'InvalidOrderBy');
    const sign = direction === 'asc' ? 1 : -1;
    return (left: Row, right: Row) => sign * compare(read(left), read(right));
  });
  return (left, right) => orders.map((order) => order(left, right)).find((outcome) => outcome !== 0) ?? 0;
}

/** Compares two values. Null comes first (OData 4.01, part 1, 11.2.6.2). */
function compare(left: unknown, right: unknown): number {
  if (left === null || right === null) return Number(left !== null) - Number(right !== null);
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return String(left) < String(right) ? -1 : Number(String(left) > String(right));
}

/** Returns a function that shapes a row as `$select` and `$expand` say. */
function parseShape(type: EntityType, options: Options): (row: Row) => Row {
  const properties = options
    .get('$select')
    ?.split(',')
    .map((name) => name.trim());
  for (const property of properties ?? []) createPropertyReader(type, property, 'InvalidSelect');
  const expansions = parseExpand(options.get('$expand')).map(({ name, options }) => {
    const relation = type.relations.get(name);
    if (relation === undefined) {
      throw new QueryError('InvalidExpand', `Relation '${name}' does not exist on type '${type.name}'`);
    }
    // Invalid nested options are refused even if there is no row to apply them to.
    runQuery(relation.type, [], options);
    return (row: Row) => [name, runQuery(relation.type, relation.rows(row), options).value] as const;
  });
  return (row) => ({
    ...(properties === undefined ? row : Object.fromEntries(properties.map((name) => [name, row[name]]))),
    ...Object.fromEntries(expansions.map((expand) => expand(row))),
  });
}

interface Expansion {
  readonly name: string;
  readonly options: Options;
}

/** Parses `A,B($top=1;$expand=C)`. */
function parseExpand(expand: string | undefined): readonly Expansion[] {
  if (expand === undefined) return [];
  return splitOutside(expand, ',').map((part) => {
    const [, name, options] = /^(\w+)(?:\((.+)\))?$/.exec(part.trim()) ?? [];
    if (name === undefined) throw new QueryError('InvalidExpand', 'The $expand expression is not valid');
    return { name, options: new Map(splitOutside(options ?? '', ';').map(parseOption)) };
  });
}

function parseOption(text: string): readonly [string, string] {
  const [name = '', ...value] = text.split('=');
  return [name.trim(), value.join('=')];
}

function depthOf(expand: string): number {
  const nested = parseExpand(expand).map(({ options }) => options.get('$expand'));
  return 1 + Math.max(0, ...nested.map((inner) => (inner === undefined ? 0 : depthOf(inner))));
}

/** Splits a text at the separators that are neither quoted nor in parentheses. */
function splitOutside(text: string, separator: ',' | ';'): readonly string[] {
  const parts = [''];
  let depth = 0;
  let quoted = false;
  for (const character of text) {
    if (character === "'") quoted = !quoted;
    if (!quoted && character === '(') depth += 1;
    if (!quoted && character === ')') depth -= 1;
    if (character === separator && depth === 0 && !quoted) parts.push('');
    else parts.push((parts.pop() ?? '') + character);
  }
  return parts.filter((part) => part !== '');
}
