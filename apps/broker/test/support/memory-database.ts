import { DatabaseSync } from 'node:sqlite';
import type { Row, Values } from '../../src/storage/rows.ts';
import type { SqlDatabase } from '../../src/storage/sql-database.ts';
import { createIndexes, sqlSchema } from '../../src/storage/sql-schema.ts';

/** Opens a SQLite database in memory that has the tables and indexes. `statements` has every statement that ran. */
export function openMemoryDatabase() {
  const database = new DatabaseSync(':memory:');
  database.exec(sqlSchema('INTEGER PRIMARY KEY'));
  for (const create of createIndexes) database.exec(create);
  const statements = new Set<string>();
  const run = (statement: string, values: Values): Row[] => {
    statements.add(statement);
    const prepared = database.prepare(statement);
    prepared.setAllowUnknownNamedParameters(true);
    return prepared.all(Object.fromEntries(values.map((value, index) => [`$${index + 1}`, value])));
  };
  const sql: SqlDatabase = {
    query: async (statement, values = []) => run(statement, values),
    queryInTurn: async (_, list, values) => list.flatMap((statement) => run(statement, values)),
    insertRows: async (into, rows) =>
      rows.flatMap((values) =>
        run(
          `INSERT INTO ${into} VALUES (${values.map((_, index) => `$${index + 1}`).join(', ')}) RETURNING id`,
          values,
        ),
      ),
    close: async () => database.close(),
  };
  const planOf = (statement: string): string[] =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${statement}`)
      .all()
      .map(({ detail }) => String(detail));
  return { sql, statements, planOf };
}
