import type { Explanation } from '@valetkey/jwt-verify';
import type { Config } from '../config/config.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { useTemporaryBroker } from './temporary-broker.ts';

/**
 * Verifies a token with the configured identity providers and returns the outcome of each check. Nothing in the result
 * identifies a person.
 */
export async function explainToken(config: Config, token: string): Promise<Explanation> {
  // The configured store is not used, so it may be unreachable.
  const dependencies = { store: createSqliteStore(':memory:') };
  return useTemporaryBroker(config, dependencies, ({ parts }) => parts.verifier.explain(token));
}
