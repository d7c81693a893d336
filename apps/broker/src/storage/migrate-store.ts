import type { Config } from '../config/config.ts';
import { openStore } from './open-store.ts';
import { migratePostgresStore } from './postgres-store.ts';

/**
 * Creates the missing tables of the configured store, and changes nothing if none is missing. Rejects with `overloaded` or
 * with a `ConfigError` if the tables cannot be created.
 */
export async function migrateStore(store: Config['store']): Promise<void> {
  if ('postgres' in store) {
    const { postgres, ...bounds } = store;
    await migratePostgresStore({ ...bounds, url: postgres.reveal() });
    return;
  }
  // A SQLite store creates its tables when it is opened.
  await openStore(store).close();
}
