import { ConfigError, type BrokerConfig } from './config.ts';
import { createPostgresStore } from './postgres-store.ts';
import { createSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

/** Opens the configured store. Throws {@link ConfigError} where the file cannot be used. */
export function openStore(config: BrokerConfig['store']): Store {
  if ('postgres' in config) {
    const { postgres, ...bounds } = config;
    return createPostgresStore({ ...bounds, url: postgres.reveal() });
  }
  try {
    return createSqliteStore(config.sqlite);
  } catch (error) {
    const { code, errstr = code } = error as { code?: string; errstr?: string };
    throw new ConfigError([`store.sqlite: cannot be opened for writing (${errstr ?? 'unknown error'})`]);
  }
}
