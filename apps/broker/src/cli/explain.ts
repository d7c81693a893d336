import type { ConnectionExplanation } from '@valetkey/core-types';
import type { Explanation } from '@valetkey/jwt-verify';
import type { Config } from '../config/config.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { explainConnection } from '../vendors/explain-connection.ts';
import { CommandError } from './command-error.ts';
import { findMissingFile } from './store-problem.ts';
import { useTemporaryBroker } from './temporary-broker.ts';

/** The outcome of each check of a token, and of the connection that its user wants to use. */
export interface Explained {
  readonly token: Explanation;
  /** Absent if no connection was named, or if the token is refused. */
  readonly connection?: ConnectionExplanation | undefined;
}

/**
 * Verifies a token with the configured identity providers, and explains whether its user may use a connection. Calls no
 * vendor and creates no file. Nothing in the result identifies a person.
 */
export async function explainToken(config: Config, token: string, connectionName?: string): Promise<Explained> {
  const names = config.connections.map(({ name }) => name);
  if (connectionName !== undefined && !names.includes(connectionName)) {
    throw new CommandError(
      `--connection: \`vendors\` in the configuration has no such connection; it has ${names.join(', ') || 'none'}`,
    );
  }
  // Only a connection needs the configured store, so a token is explained while the store is unreachable.
  const needsStore = connectionName !== undefined && (await findMissingFile(config.store)) === undefined;
  const replaced = needsStore ? {} : { store: createSqliteStore(':memory:') };
  return useTemporaryBroker(config, replaced, async ({ parts: { verifier, connections, store } }) => {
    const explanation = await verifier.explain(token);
    const connection = connectionName === undefined ? undefined : connections.get(connectionName);
    if (connection === undefined || !explanation.accepted) return { token: explanation };
    const principal = await verifier.verify(token);
    return { token: explanation, connection: await explainConnection(connection, principal, store) };
  });
}
