export { createBroker } from './broker.ts';
export { ConfigError, defineConfig } from './config.ts';
export { readConfigFile } from './config-file.ts';
export { startDev } from './dev.ts';
export { createPostgresStore } from './postgres-store.ts';
export { createSqliteStore } from './sqlite-store.ts';
export { externalIdOf } from './vendor-users.ts';

export type { Broker, BrokerEffects } from './broker.ts';
export type { BrokerConfigInput } from './config.ts';
export type { Dev, DevOptions } from './dev.ts';
export type { PostgresStoreOptions } from './postgres-store.ts';
export type { SqliteStoreOptions } from './sqlite-store.ts';
export type { Decision, Reservation, Store, VendorUserKey } from './store.ts';
