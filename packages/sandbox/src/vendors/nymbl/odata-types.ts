/** A row of an OData collection. */
export type Row = Readonly<Record<string, unknown>>;

/** The properties and relations that a query may name. */
export interface EntityType {
  readonly name: string;
  readonly properties: ReadonlySet<string>;
  /** The rows that `$expand` adds to a row, by name. */
  readonly relations: ReadonlyMap<string, Relation>;
}

export interface Relation {
  readonly type: EntityType;
  readonly rows: (row: Row) => readonly Row[];
}

/** A query that is not valid. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Returns a function that reads a property of a row, and returns null if the row does not have it. Throws a `QueryError` if
 * the type does not have the property.
 */
export function createPropertyReader(type: EntityType, property: string, code: string): (row: Row) => unknown {
  if (!type.properties.has(property)) {
    throw new QueryError(code, `Property '${property}' does not exist on type '${type.name}'`);
  }
  return (row) => row[property] ?? null;
}
