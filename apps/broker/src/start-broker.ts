import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { ConfigState } from './config-state.ts';
import { ConfigError } from './config/config-error.ts';
import { versionsOf } from './config/config-version.ts';
import type { DisposalStack } from './disposal-stack.ts';
import { startRetentionOf, type Generation, type GenerationDependencies } from './open-generation.ts';
import type { Parts } from './open-parts.ts';
import { startExpiry } from './storage/delete-expired.ts';
import { refuseUnsupportedRedis } from './storage/open-token-store.ts';

interface StartDependencies {
  readonly close: () => Promise<void>;
  readonly isClosing: () => boolean;
  readonly resources: DisposalStack;
  readonly first: Generation;
  readonly used: GenerationDependencies;
  readonly state: ConfigState;
}

/** Returns what begins to serve requests: at the listeners, or only within this process. A failure closes the broker. */
export function createStart({ close, isClosing, resources, first, used, state }: StartDependencies) {
  const { shared, metrics, tracing } = used;
  const { app, admin, config } = first;
  const prepare = doOnce(async () => {
    state.use(await versionsOf(config));
    tracing?.exportMetrics(metrics);
    await refuseUnsupportedRedis(shared.redis, config.redis);
    await refuseOtherPrincipals(shared);
    shared.followChanges();
    await app.ready();
  }, close);
  const work = doOnce(async () => {
    await prepare();
    if (isClosing()) throw new TypeError('The broker is closed.');
    startWork(first, used, resources);
  }, close);
  const openListeners = doOnce(async () => {
    await prepare();
    await app.listen({ host: config.listen.host, port: config.listen.port });
    await admin.listen({ host: config.admin.host, port: config.admin.port });
    await work();
  }, close);
  const listen = async () => {
    await openListeners();
    return { brokerUrl: urlOf(app), adminUrl: urlOf(admin) };
  };
  return { work, listen };
}

/** Returns a function that does this work at its first call only, and calls `close` if the work fails. */
function doOnce(work: () => Promise<void>, close: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  const run = async () => {
    try {
      await work();
    } catch (error) {
      await close();
      throw error;
    }
  };
  return () => (done ??= run());
}

/** Begins the work that no request waits for. */
function startWork(first: Generation, dependencies: GenerationDependencies, resources: DisposalStack): void {
  const { store, redis, verifier, operatorVerifier } = first.parts;
  // Fetches the keys of the identity providers, so that no caller waits for them. After a failure, the first request tries again.
  void verifier.warm();
  void operatorVerifier?.warm();
  resources.use(startExpiry({ store, clock: dependencies.clock }), (end) => end());
  startRetentionOf(first, dependencies);
  // Reports unusable stores at the start. The broker continues: each call tries the store again.
  for (const check of [store.check(), redis?.ping()]) check?.catch(() => undefined);
}

/** Rejects with a `ConfigError` if the configuration would make other principals of stored users. */
async function refuseOtherPrincipals({ checkAndRememberPrincipals }: Pick<Parts, 'checkAndRememberPrincipals'>) {
  try {
    await checkAndRememberPrincipals();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // The store cannot be used now. Each operation about users compares again before it uses the store.
  }
}

function urlOf(listener: FastifyInstance): string {
  const address = listener.server.address();
  if (address === null || typeof address === 'string') throw new Error('The listener has no port.');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  const scheme = listener.server instanceof TlsServer ? 'https' : 'http';
  return `${scheme}://${host}:${address.port}`;
}
