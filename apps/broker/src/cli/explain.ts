import type { ConnectionExplanation } from '@valetkey/core-types';
import type { Explanation } from '@valetkey/jwt-verify';
import type { Config } from '../config/config.ts';
import { explainForwardAuth } from '../policy/explain-policy.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { explainConnection } from '../vendors/explain-connection.ts';
import { CommandError } from './command-error.ts';
import { findMissingFile } from './store-problem.ts';
import { useTemporaryBroker } from './temporary-broker.ts';

/** What `explain` examines besides the token, as the options of the command name it. */
export interface ExplainedWish {
  readonly connection?: string | undefined;
  readonly operation?: string | undefined;
  readonly method?: string | undefined;
  readonly path?: string | undefined;
}

/** The outcome of each check of a token, and of what its user wants to do. */
export interface Explained {
  readonly token: Explanation;
  /** Absent if no connection was named, or if the token is refused. */
  readonly connection?: ConnectionExplanation | undefined;
  /** Absent unless the operation is one of forward authentication, or if the token is refused. */
  readonly forwardAuth?: Awaited<ReturnType<typeof explainForwardAuth>> | undefined;
}

/**
 * Verifies a token with the configured identity providers, and explains whether its user may use a connection, or passes
 * forward authentication. Calls no vendor and creates no file. Nothing in the result identifies a person.
 */
export async function explainToken(config: Config, token: string, wish: ExplainedWish = {}): Promise<Explained> {
  const { connection: name } = wish;
  const operation = readOperation(wish, config);
  // Only a wish needs the configured store, so a token is explained while the store is unreachable.
  const hasWish = name !== undefined || operation !== undefined;
  const needsStore = hasWish && (await findMissingFile(config.store)) === undefined;
  const replaced = needsStore ? {} : { store: createSqliteStore(':memory:') };
  return useTemporaryBroker(config, replaced, async ({ parts }) => {
    const { verifier, connections, forwardAuth, store } = parts;
    const explanation = await verifier.explain(token);
    const connection = name === undefined ? undefined : connections.get(name);
    if (!hasWish || !explanation.accepted) return { token: explanation };
    const principal = await verifier.verify(token);
    if (operation === 'authorize' || operation === 'resolve') {
      return { token: explanation, forwardAuth: await explainForwardAuth(forwardAuth, principal, operation, store) };
    }
    if (connection === undefined) return { token: explanation };
    const use = { operation, call: readCall(wish) };
    return { token: explanation, connection: await explainConnection(connection, principal, store, use) };
  });
}

const operationNames = ['issue', 'proxy', 'authorize', 'resolve'] as const;

/** Returns the operation of the options. Throws a {@link CommandError} for options that cannot be combined. */
function readOperation({ connection, operation, method, path }: ExplainedWish, { connections }: Config) {
  const names = connections.map(({ name }) => name);
  if (connection !== undefined && !names.includes(connection)) {
    throw new CommandError(
      `--connection: \`vendors\` in the configuration has no such connection; it has ${names.join(', ') || 'none'}`,
    );
  }
  if (path === undefined && method !== undefined) throw new CommandError('--method: is only for `--path`');
  const given = operation ?? (path === undefined ? undefined : 'proxy');
  const known = operationNames.find((name) => name === given);
  if (known === undefined) {
    if (given === undefined) return undefined;
    throw new CommandError(`--operation: is not one of ${operationNames.join(', ')}`);
  }
  const isForwardAuth = known === 'authorize' || known === 'resolve';
  if (isForwardAuth && connection !== undefined) throw new CommandError(`--connection: is not for ${known}`);
  if (!isForwardAuth && connection === undefined) throw new CommandError(`--connection: is missing for ${known}`);
  if (known !== 'proxy' && path !== undefined) throw new CommandError(`--path: is not for ${known}`);
  return known;
}

function readCall({ method = 'GET', path: target }: ExplainedWish) {
  if (target === undefined) return undefined;
  const [path = ''] = target.split('?', 1);
  return { method, path, query: target.slice(path.length) };
}
