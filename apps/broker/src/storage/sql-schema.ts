import { rowNumber, schemaChanges, schemaVersion } from './schema-changes.ts';

/** The tables as the first change that has them creates them, by name. */
const tables = new Map(schemaChanges.flatMap(({ tables: added = {} }) => Object.entries(added)));

/**
 * Returns the statements that create the missing tables with every column. `rowNumberType` is the database's column type for an
 * ascending key.
 *
 * Each column `vendor` holds a connection and its vendor: `toTarget` of `rows.ts`. A row of `vendor_user` without vendor and
 * subject is no vendor user: it remembers which claims are the subject of the issuer's principals.
 */
export function sqlSchema(rowNumberType: string): string {
  const statements = [...tables].map(([name, { columns, key }]) => {
    const lines = [
      ...Object.entries(columns).map(([column, type]) => `${column} ${type === rowNumber ? rowNumberType : type}`),
      ...laterColumns.filter(({ table }) => table === name).map(({ name: column, type }) => `${column} ${type}`),
      ...(key === undefined ? [] : [`PRIMARY KEY (${key.join(', ')})`]),
    ];
    return `CREATE TABLE IF NOT EXISTS ${name} (${lines.join(', ')});`;
  });
  return statements.join('\n');
}

/** The columns that the first version of a table lacked. */
export const laterColumns = schemaChanges.flatMap(({ columns = {} }) =>
  Object.entries(columns).flatMap(([table, added]) =>
    Object.entries(added).map(([name, type]) => ({ table, name, type })),
  ),
);

/**
 * The indexes, by name. Each one of decisions ends with the order in which they are listed, so that a page is read from the index
 * without sorting. The broker works without them: they only make the lists, and the check of a DPoP proof, fast.
 */
export const indexes: Readonly<Record<string, string>> = Object.assign(
  {},
  ...schemaChanges.map(({ indexes: added = {} }) => added),
);

/** The statements that create the missing indexes. While one of them runs, no decision can be written. */
export const createIndexes = Object.entries(indexes).map(
  ([name, columns]) => `CREATE INDEX IF NOT EXISTS ${name} ON ${columns}`,
);

/** Every column of each table, by the name of the table. */
const columnsByTable: ReadonlyMap<string, readonly string[]> = new Map(
  [...tables].map(([table, { columns }]) => [
    table,
    [...Object.keys(columns), ...laterColumns.filter((later) => later.table === table).map(({ name }) => name)],
  ]),
);

/** The name of every table. */
export const tableNames = [...tables.keys()];

/** Statements that fail if a table or a column is missing, and that return no row. */
export const schemaProbe = [...columnsByTable]
  .map(([table, columns]) => `SELECT ${columns.join(', ')} FROM ${table} WHERE 1 = 0`)
  .join('; ');

/** The statement that stores the version of the schema, once its tables and columns exist. A later version stays. */
export const storeVersion = `INSERT INTO schema_version (version) VALUES ${schemaChanges.map((_, index) => `(${index + 1})`).join(', ')}
  ON CONFLICT (version) DO NOTHING`;

/** The query of the stored version. */
export const selectVersion = 'SELECT MAX(version) AS version FROM schema_version';

/** What a database has of the schema. */
export interface PresentSchema {
  /** The columns of each present table, by the name of the table. */
  readonly columns: ReadonlyMap<string, ReadonlySet<string>>;
  readonly indexes: ReadonlySet<string>;
  /** The stored version. Undefined if none is stored. */
  readonly version: number | undefined;
}

/** What a migration would change, or has changed. */
export interface MigrationPlan {
  /** The version of the schema in the database. 0: it has no table. */
  readonly current: number;
  /** The version that this program creates. */
  readonly target: number;
  /** What is missing, such as `table revocation`, `column decision.reason` and `index decision_at`. */
  readonly missing: readonly string[];
}

/** Returns what is missing in a database, in the order in which it is created. */
export function planMigration({ columns, indexes: present, version }: PresentSchema): MigrationPlan {
  const missing = [
    ...tableNames.filter((table) => !columns.has(table)).map((table) => `table ${table}`),
    ...[...columnsByTable].flatMap(([table, names]) => {
      const found = columns.get(table);
      return found === undefined
        ? []
        : names.filter((name) => !found.has(name)).map((name) => `column ${table}.${name}`);
    }),
    ...Object.keys(indexes)
      .filter((index) => !present.has(index))
      .map((index) => `index ${index}`),
  ];
  return { current: version ?? versionOf(columns), target: schemaVersion, missing };
}

/** Returns the version of a database that stores none: the number of the last change of which it has everything but indexes. */
function versionOf(present: PresentSchema['columns']): number {
  const isAbsent = ({ tables: added = {}, columns = {} }: (typeof schemaChanges)[number]) =>
    Object.keys(added).some((table) => !present.has(table)) ||
    Object.entries(columns).some(([table, names]) =>
      Object.keys(names).some((name) => present.get(table)?.has(name) !== true),
    );
  const next = schemaChanges.findIndex(isAbsent);
  return next < 0 ? schemaVersion : next;
}

/** Warns if a broker of a later version has changed the schema. This program works with it, because a change only adds. */
export function warnOfLaterVersion(version: number | undefined, warn: (problem: string) => void): void {
  if (version !== undefined && version > schemaVersion) warn(describeLaterVersion(version));
}

/** Describes a database that a broker of a later version has changed. */
export function describeLaterVersion(version: number): string {
  return `The database has the schema version ${version}, which is newer than the ${schemaVersion} of this program. The program works with it.`;
}
