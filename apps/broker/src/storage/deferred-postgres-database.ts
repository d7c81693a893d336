import type { PostgresAddress } from '../config/postgres-url.ts';
import type { PostgresDatabase } from './postgres-database.ts';

/** Opens a database like `openPostgresDatabase`, and loads `pg` with the first statement: a broker with SQLite never loads it. */
export function deferPostgresDatabase(
  address: PostgresAddress,
  maxConnections: number,
  timeoutMs: number,
): PostgresDatabase {
  let opened: Promise<PostgresDatabase> | undefined;
  const open = async () => {
    const { openPostgresDatabase } = await import('./postgres-database.ts');
    return openPostgresDatabase(address, maxConnections, timeoutMs);
  };
  const database = () => (opened ??= open());
  return {
    query: async (...statements) => (await database()).query(...statements),
    queryInTurn: async (...statements) => (await database()).queryInTurn(...statements),
    insertRows: async (...rows) => (await database()).insertRows(...rows),
    close: async () => (await opened)?.close(),
  };
}
