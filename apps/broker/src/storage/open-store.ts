import { codeOfForeignError } from '@valetkey/core-types';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { createPostgresStore } from './postgres-store.ts';
import { createSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

/** Opens the configured store. Throws {@link ConfigError} if the SQLite file cannot be opened. */
export function openStore(store: Config['store']): Store {
  if ('postgres' in store) {
    const { postgres, ...bounds } = store;
    return createPostgresStore({ ...bounds, url: postgres.reveal() });
  }
  try {
    return createSqliteStore(store.sqlite);
  } catch (error) {
    const { errstr = codeOfForeignError(error) } = error as { errstr?: string };
    throw new ConfigError([`store.sqlite: cannot be opened for writing (${errstr ?? 'unknown error'})`]);
  }
}
