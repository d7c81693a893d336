/** A row of an OData collection. */
export type Row = Readonly<Record<string, unknown>>;

/** What a row may be asked for. */
export interface EntityType {
  readonly name: string;
  readonly properties: ReadonlySet<string>;
  /** What `$expand` puts into a row, by name. */
  readonly relations: ReadonlyMap<string, Relation>;
}

export interface Relation {
  readonly type: EntityType;
  readonly rows: (row: Row) => readonly Row[];
}

/** A query that is refused. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** How to read a property of a row, `null` where it has none; a property that the type lacks is an error. */
export const readProperty = (type: EntityType, property: string, code: string): ((row: Row) => unknown) => {
  if (!type.properties.has(property)) {
    throw new QueryError(code, `Property '${property}' does not exist on type '${type.name}'`);
  }
  return (row) => row[property] ?? null;
};
