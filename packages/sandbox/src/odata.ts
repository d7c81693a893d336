import { parseFilter } from './odata-filter.ts';
import { QueryError, readProperty, type EntityType, type Row } from './odata-types.ts';

const maxTop = 100;
const maxExpandDepth = 3;
const knownOptions = new Set(['$top', '$skip', '$count', '$select', '$expand', '$filter', '$orderby']);

type Options = ReadonlyMap<string, string>;

/**
 * Answers a query over rows: `$filter`, `$orderby`, `$skip`, `$top`, `$count`, `$select` and `$expand` with options of
 * its own. Throws a `QueryError` for a query that is none.
 */
export const queryRows = (
  type: EntityType,
  rows: readonly Row[],
  query: Iterable<readonly [string, string]>,
): { readonly value: readonly Row[]; readonly count: number | undefined } => {
  const options = new Map(query);
  const expand = options.get('$expand');
  if (expand !== undefined && depthOf(expand) > maxExpandDepth) {
    throw new QueryError('InvalidExpand', `$expand may nest ${maxExpandDepth} levels deep`);
  }
  return answer(type, rows, options);
};

/** Shows one row as `$select` and `$expand` would have it. */
export const queryRow = (type: EntityType, row: Row, query: Iterable<readonly [string, string]>): Row => {
  const options = [...query].filter(([name]) => name === '$select' || name === '$expand');
  return queryRows(type, [row], options).value[0] ?? row;
};

const answer = (type: EntityType, rows: readonly Row[], options: Options) => {
  const unknown = [...options.keys()].find((name) => name.startsWith('$') && !knownOptions.has(name));
  if (unknown !== undefined) throw new QueryError('InvalidQueryOption', `${unknown} is not supported`);

  // More than a page is asked for in vain, and not refused.
  const top = Math.min(maxTop, readWholeNumber(options, '$top', 'InvalidTop') ?? maxTop);
  const skip = readWholeNumber(options, '$skip', 'InvalidSkip') ?? 0;
  const filter = options.get('$filter');
  const found = filter === undefined ? rows : rows.filter(parseFilter(filter, type));
  const sorted = found.toSorted(readOrder(type, options.get('$orderby')));
  const show = readShape(type, options);
  return {
    value: sorted.slice(skip, skip + top).map(show),
    count: options.get('$count') === 'true' ? found.length : undefined,
  };
};

const readWholeNumber = (options: Options, name: string, code: string): number | undefined => {
  const text = options.get(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new QueryError(code, `${name} must be a whole number`);
  return Number(text);
};

const readOrder = (type: EntityType, orderBy: string | undefined): ((left: Row, right: Row) => number) => {
  const orders = (orderBy?.split(',') ?? []).map((part) => {
    const [property = '', direction = 'asc', ...more] = part.trim().split(/\s+/);
    if ((direction !== 'asc' && direction !== 'desc') || more.length > 0) {
      throw new QueryError('InvalidOrderBy', 'The $orderby expression is not valid');
    }
    const read = readProperty(type, property, 'InvalidOrderBy');
    const sign = direction === 'asc' ? 1 : -1;
    return (left: Row, right: Row) => sign * compare(read(left), read(right));
  });
  return (left, right) => orders.map((order) => order(left, right)).find((outcome) => outcome !== 0) ?? 0;
};

/** Null comes first (OData 4.01, part 1, 11.2.6.2). */
const compare = (left: unknown, right: unknown): number => {
  if (left === null || right === null) return Number(left !== null) - Number(right !== null);
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  return String(left) < String(right) ? -1 : Number(String(left) > String(right));
};

/** How rows are shown. */
const readShape = (type: EntityType, options: Options): ((row: Row) => Row) => {
  const properties = options
    .get('$select')
    ?.split(',')
    .map((name) => name.trim());
  for (const property of properties ?? []) readProperty(type, property, 'InvalidSelect');
  const expansions = readExpand(options.get('$expand')).map(({ name, options }) => {
    const relation = type.relations.get(name);
    if (relation === undefined) {
      throw new QueryError('InvalidExpand', `Relation '${name}' does not exist on type '${type.name}'`);
    }
    // Options that are wrong are wrong also where there is no row to try them on.
    answer(relation.type, [], options);
    return (row: Row) => [name, answer(relation.type, relation.rows(row), options).value] as const;
  });
  return (row) => ({
    ...(properties === undefined ? row : Object.fromEntries(properties.map((name) => [name, row[name]]))),
    ...Object.fromEntries(expansions.map((expand) => expand(row))),
  });
};

interface Expansion {
  readonly name: string;
  readonly options: Options;
}

/** Reads `A,B($top=1;$expand=C)`. */
const readExpand = (expand: string | undefined): readonly Expansion[] =>
  expand === undefined
    ? []
    : splitOutside(expand, ',').map((part) => {
        const [, name, options] = /^(\w+)(?:\((.+)\))?$/.exec(part.trim()) ?? [];
        if (name === undefined) throw new QueryError('InvalidExpand', 'The $expand expression is not valid');
        return { name, options: new Map(splitOutside(options ?? '', ';').map(readOption)) };
      });

const readOption = (text: string): readonly [string, string] => {
  const [name = '', ...value] = text.split('=');
  return [name.trim(), value.join('=')];
};

const depthOf = (expand: string): number => {
  const nested = readExpand(expand).map(({ options }) => options.get('$expand'));
  return 1 + Math.max(0, ...nested.map((inner) => (inner === undefined ? 0 : depthOf(inner))));
};

/** Splits a text where the separator is neither quoted nor in parentheses. */
const splitOutside = (text: string, separator: ',' | ';'): readonly string[] => {
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
};
