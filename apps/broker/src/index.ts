export { assemble } from './assemble.ts';
export { startDev } from './cli/dev.ts';
export { ConfigError } from './config/config-error.ts';
export { readConfigFile } from './config/config-file.ts';
export { defineConfig } from './config/define-config.ts';
export { loadConfig } from './config/load-config.ts';
export { parseConfig } from './config/parse-config.ts';
export { createBroker } from './create-broker.ts';
export { createPostgresStore } from './storage/postgres-store.ts';
export { createSqliteStore } from './storage/sqlite-store.ts';
export { externalIdOf } from './vendors/external-id.ts';

export type { AssembledBroker, Broker, BrokerDependencies } from './assemble.ts';
export type { Dev, DevOptions } from './cli/dev.ts';
export type { BrokerConfigInput } from './config/define-config.ts';
export type { FetchOptions } from './http/fetch-options.ts';
export type { Config, ConnectionConfig } from './config/config.ts';
export type { PolicyFunction, PolicyOperation, PolicyRequest } from './config/policy-function.ts';
export type { PostgresStoreOptions } from './storage/postgres-store.ts';
export type { SqliteStoreOptions } from './storage/sqlite-store.ts';
export type {
  Decision,
  DecisionPage,
  DecisionPosition,
  DecisionQuery,
  DecisionSelection,
} from './storage/audit-store.ts';
export type {
  PrincipalId,
  Reservation,
  Store,
  StoredIssuer,
  StoredVendorUser,
  SubjectRule,
  VendorUserKey,
} from './storage/store.ts';
