/** A row of an OData collection. */
export type Row = Readonly<Record<string, unknown>>;

/** A refusal in the words of an OData service. */
export interface QueryError {
  readonly code: string;
  readonly message: string;
}

const maxTop = 100;
const maxExpand = 3;
const comparison = /^(\w+) (eq|ne) (?:'((?:[^']|'')*)'|(true|false|null|-?\d+(?:\.\d+)?))$/;

/** Answers a query over rows: `$top`, `$skip`, `$count`, `$select`, `$expand` (counted only), and a `$filter` of comparisons. */
export const queryRows = (
  rows: readonly Row[],
  query: URLSearchParams,
): { readonly value: readonly Row[]; readonly count: number | undefined } | QueryError => {
  const known = new Set(['$top', '$skip', '$count', '$select', '$expand', '$filter']);
  const unknown = [...query.keys()].find((name) => name.startsWith('$') && !known.has(name));
  if (unknown !== undefined) return { code: 'InvalidQueryOption', message: `${unknown} is not supported` };

  const top = readInteger(query.get('$top') ?? String(maxTop));
  if (top === undefined || top > maxTop) return { code: 'InvalidTop', message: `$top must be 0 to ${maxTop}` };
  const skip = readInteger(query.get('$skip') ?? '0');
  if (skip === undefined) return { code: 'InvalidSkip', message: '$skip must be a whole number' };
  if ((query.get('$expand')?.split(',').length ?? 0) > maxExpand) {
    return { code: 'InvalidExpand', message: `$expand takes at most ${maxExpand} properties` };
  }
  const matches = parseFilter(query.get('$filter'));
  if (matches === undefined) return { code: 'InvalidFilter', message: 'The $filter expression is not valid' };

  const found = rows.filter(matches);
  const properties = query.get('$select')?.split(',');
  const select = (row: Row): Row =>
    properties === undefined ? row : Object.fromEntries(properties.map((name) => [name.trim(), row[name.trim()]]));
  return {
    value: found.slice(skip, skip + top).map(select),
    count: query.get('$count') === 'true' ? found.length : undefined,
  };
};

const readInteger = (text: string): number | undefined => (/^\d{1,9}$/.test(text) ? Number(text) : undefined);

/** Reads comparisons joined by `and`. */
const parseFilter = (filter: string | null): ((row: Row) => boolean) | undefined => {
  if (filter === null) return () => true;
  const comparisons: ((row: Row) => boolean)[] = [];
  for (const part of filter.split(/ and (?=(?:[^']*'[^']*')*[^']*$)/)) {
    const [, property = '', operator, text, literal] = comparison.exec(part.trim()) ?? [];
    if (operator === undefined) return undefined;
    const expected: unknown = text === undefined ? JSON.parse(literal ?? 'null') : text.replaceAll("''", "'");
    comparisons.push((row) => ((row[property] ?? null) === expected) === (operator === 'eq'));
  }
  return (row) => comparisons.every((compare) => compare(row));
};
