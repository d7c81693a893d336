import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { createPostgresStore } from './postgres-store.ts';
import { SqliteFileError } from './sqlite-file.ts';
import { createSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

/**
 * Opens the configured store. Calls `onWarning` with a sentence about a problem that does not stop the store. Throws
 * {@link ConfigError} if the SQLite file cannot be opened.
 */
export function openStore(store: Config['store'], onWarning?: (problem: string) => void): Store {
  if ('postgres' in store) {
    const { postgres, ...bounds } = store;
    return createPostgresStore({ ...bounds, url: postgres.reveal(), onWarning });
  }
  try {
    return createSqliteStore(store.sqlite, { synchronous: store.synchronous, onWarning });
  } catch (error) {
    if (!(error instanceof SqliteFileError)) throw error;
    throw new ConfigError([`store.sqlite: cannot be opened: ${error.message}`]);
  }
}
