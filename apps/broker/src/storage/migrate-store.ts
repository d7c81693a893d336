import type { Config } from '../config/config.ts';
import { openStore } from './open-store.ts';
import { migratePostgresStore, planPostgresMigration } from './postgres-store.ts';
import type { MigrationPlan } from './sql-schema.ts';
import { planSqliteMigration } from './sqlite-schema.ts';

/**
 * Returns what is missing in the configured store, and changes nothing. Rejects with `overloaded` or with an error of the SQLite
 * file if the store cannot be read.
 */
export async function planStoreMigration(store: Config['store']): Promise<MigrationPlan> {
  return 'postgres' in store ? planPostgresMigration(postgresOptions(store)) : planSqliteMigration(store.sqlite);
}

/**
 * Creates the missing tables, columns and indexes of the configured store, and returns what was missing. Changes nothing if none is
 * missing. Rejects with `overloaded` or with a `ConfigError` if they cannot be created.
 */
export async function migrateStore(store: Config['store']): Promise<MigrationPlan> {
  if ('postgres' in store) return migratePostgresStore(postgresOptions(store));
  const plan = planSqliteMigration(store.sqlite);
  // A SQLite store creates what is missing when it is opened.
  await openStore(store).close();
  return plan;
}

function postgresOptions({ postgres, ...bounds }: Extract<Config['store'], { postgres: unknown }>) {
  return { ...bounds, url: postgres.reveal() };
}
