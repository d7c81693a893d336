import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { schemaVersion } from './schema-changes.ts';
import { planMigration, selectVersion, tableNames, type MigrationPlan } from './sql-schema.ts';
import { runStep } from './sqlite-file.ts';

/** Returns the columns of a table, or none if the table is missing. */
export function readColumns(database: DatabaseSync, table: string): Set<string> {
  return new Set(
    database
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .map(({ name }) => String(name)),
  );
}

/** Returns the names of all indexes. */
export function readIndexes(database: DatabaseSync): Set<string> {
  const found = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'").all();
  return new Set(found.map(({ name }) => String(name)));
}

/** Returns the stored version of the schema. */
export function readVersion(database: DatabaseSync): number | undefined {
  const version = database.prepare(selectVersion).get()?.['version'];
  return typeof version === 'number' ? version : undefined;
}

/** Returns what is missing in a SQLite file, and changes nothing. Throws if the file cannot be read. */
export function planSqliteMigration(path: string): MigrationPlan {
  // A store in memory is complete as soon as it is opened.
  if (path === ':memory:') return { current: schemaVersion, target: schemaVersion, missing: [] };
  if (!existsSync(path)) return planMigration({ columns: new Map(), indexes: new Set(), version: undefined });
  const database = runStep('SQLite cannot open the file', () => new DatabaseSync(path, { readOnly: true }));
  try {
    return runStep('SQLite cannot read the file and its write-ahead log', () => {
      const columns = new Map(
        tableNames
          .map((table) => [table, readColumns(database, table)] as const)
          .filter(([, present]) => present.size > 0),
      );
      const version = columns.has('schema_version') ? readVersion(database) : undefined;
      return planMigration({ columns, indexes: readIndexes(database), version });
    });
  } finally {
    database.close();
  }
}
