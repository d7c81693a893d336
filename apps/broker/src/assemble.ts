import { Server as TlsServer } from 'node:tls';
import { systemClock, type Clock, type VendorDefinition } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { auditKeyOf } from './audit/audit-key.ts';
import { createAudit, type Audit, type AuditDependencies } from './audit/audit.ts';
import { startRetention } from './audit/retention.ts';
import { ConfigError } from './config/config-error.ts';
import type { Config } from './config/config.ts';
import { createDisposalStack, type DisposalStack } from './disposal-stack.ts';
import { createAdminListener, createAppListener } from './http/listeners.ts';
import { createEmbedding, type Embedding } from './http/embedding.ts';
import { limitRunningCalls } from './http/sockets.ts';
import { openParts, type Parts } from './open-parts.ts';
import { startExpiry } from './storage/delete-expired.ts';
import { refuseUnsupportedRedis } from './storage/open-token-store.ts';
import { createStoreHealth } from './storage/store-health.ts';
import type { Decision } from './storage/audit-store.ts';
import type { Store } from './storage/store.ts';
import { versionOfPolicies } from './policy/policy-version.ts';
import { addStateGauges } from './telemetry/gauges.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { openTracing } from './telemetry/tracing.ts';
import { checkReadiness } from './telemetry/readiness.ts';
import { listObservedRules } from './vendors/connections.ts';
import { createPerform } from './vendors/perform.ts';

/** The parts of a broker that a program or a test may replace. Each has a default. */
export interface BrokerDependencies {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Used instead of the configured store. The broker closes it. */
  readonly store?: Store;
  /** The vendors that the configuration may name, by id. Default: the registry of `@valetkey/vendor-clients`. */
  readonly vendors?: Readonly<Record<string, VendorDefinition>>;
  /** Called with each decision after it is recorded. */
  readonly onDecision?: (decision: Decision) => void;
}

/** A broker that is ready to listen. */
export interface Broker {
  /** The listener that apps reach. `app.inject()` calls it without a port. */
  readonly app: FastifyInstance;
  /** The listener that operators reach. */
  readonly admin: FastifyInstance;
  /** Opens both listeners. Rejects with `EADDRINUSE` if another process uses a port; the broker is then closed. */
  readonly listen: () => Promise<{ readonly brokerUrl: string; readonly adminUrl: string }>;
  /**
   * Serves a request of an app within this process, as the app listener does, without a port. The first call starts the broker.
   * Bodies are streamed both ways, and the end of `request.signal` ends the call. Resolves also for refused requests, with the status
   * and the problem that the listener would send. Rejects with a `ConfigError` if the broker cannot start, with a `TypeError` for a
   * request or option that it cannot serve and after `close`, and with the reason of `request.signal`.
   *
   * @example
   * ```ts
   * app.all('/tokens/*', ({ req }) => broker.fetch(req.raw, { pathPrefix: '/tokens' }));
   * ```
   */
  readonly fetch: Embedding['fetch'];
  /**
   * Serves a request of an app that a Node server of this process has received, as the app listener does. The first call starts the
   * broker. Calls `next` with the error if the broker cannot serve the request at all; without `next`, it closes the TCP connection.
   *
   * @example
   * ```ts
   * express().use('/tokens', broker.handler);
   * ```
   */
  readonly handler: Embedding['handler'];
  /** From now on, reports "not ready" and closes each TCP connection after its next response. It still serves requests. */
  readonly drain: () => void;
  /**
   * Reports "not ready", waits for the running calls, then closes everything that was opened. Calls that still run after
   * `shutdown.timeoutMs` are cut off.
   */
  readonly close: () => Promise<void>;
}

/** A broker and its opened parts, for diagnosis. */
export interface AssembledBroker extends Broker {
  readonly parts: Parts;
}

/**
 * Opens everything that a checked configuration names and creates the broker, which does not listen yet. If a part cannot be
 * opened, `assemble` closes the parts that it opened before and throws the error.
 *
 * @example
 * ```ts
 * import { assemble, loadConfig } from '@valetkey/broker';
 *
 * const broker = assemble(await loadConfig('valetkey.config.yaml'));
 * const { brokerUrl } = await broker.listen();
 * ```
 */
export function assemble(config: Config, dependencies: BrokerDependencies = {}): AssembledBroker {
  const resources = createDisposalStack();
  try {
    return assembleParts(config, dependencies, resources);
  } catch (error) {
    void resources.close().catch(() => undefined);
    throw error;
  }
}

function assembleParts(config: Config, dependencies: BrokerDependencies, resources: DisposalStack): AssembledBroker {
  const { openTelemetry } = config.telemetry;
  const tracing = openTelemetry && resources.use(openTracing(openTelemetry), (opened) => opened.close());
  const { clock = systemClock, logger = createLogger(config.log.level, undefined, tracing?.logFields) } = dependencies;
  const metrics = createMetrics();
  const parts = openParts(config, { clock, logger, metrics, tracing, store: dependencies.store }, resources);
  const { store, connections, verifier, operatorVerifier, redis } = parts;
  const storeHealth = createStoreHealth(store, clock);
  const audit = openAudit(config, { store, storeHealth, clock, logger, metrics }, dependencies, resources);
  const policyVersion = versionOfPolicies(config);
  const perform = createPerform({ connections, audit, clock, logger, policyVersion });

  const lifecycle = { draining: false };
  const drain = () => {
    lifecycle.draining = true;
  };
  const observedRules = listObservedRules(connections, parts.forwardAuth);
  const readiness = () => checkReadiness({ storeHealth, verifier, operatorVerifier, redis, lifecycle, observedRules });
  const verifiers = operatorVerifier === undefined ? [verifier] : [verifier, operatorVerifier];
  const shown = { readiness, verifiers, audit, connections: () => connections.values() };
  addStateGauges({ ...shown, metrics, clock, policyVersion });
  if (tracing !== undefined) {
    tracing.exportMetrics(metrics);
    // Closed after the listeners, which end the last spans, and before the parts whose state is exported once more.
    resources.use(tracing, (opened) => opened.close());
  }
  const shared = { ...parts, tracing, clock, logger, metrics, audit, perform, readiness, lifecycle };
  const admin = resources.use(createAdminListener(config, shared), (listener) => listener.close());
  const app = resources.use(createAppListener(config, shared), (listener) => listener.close());
  let closing: Promise<void> | undefined;
  const finish = async () => {
    drain();
    const stopWaiting = limitRunningCalls([app, admin], { timeoutMs: config.shutdown.timeoutMs, logger });
    await resources.close().finally(stopWaiting);
  };
  const close = () => (closing ??= finish());

  const prepare = doOnce(async () => {
    await refuseUnsupportedRedis(redis, config.redis);
    await refuseOtherPrincipals(parts);
    parts.followChanges();
    await app.ready();
  }, close);
  const start = doOnce(async () => {
    await prepare();
    if (closing === undefined) startWork(config, { ...parts, clock, logger }, resources);
  }, close);
  const openListeners = doOnce(async () => {
    await prepare();
    await app.listen({ host: config.listen.host, port: config.listen.port });
    await admin.listen({ host: config.admin.host, port: config.admin.port });
    await start();
  }, close);
  const listen = async () => {
    await openListeners();
    return { brokerUrl: urlOf(app), adminUrl: urlOf(admin) };
  };
  const embedding = createEmbedding(app, start);
  resources.use(embedding, (opened) => opened.close());
  const { fetch, handler } = embedding;
  return { app, admin, parts, listen, fetch, handler, drain, close };
}

/** Returns a function that does this work at its first call only, and closes the broker if the work fails. */
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
function startWork(
  config: Config,
  {
    store,
    redis,
    verifier,
    operatorVerifier,
    clock,
    logger,
  }: Parts & { readonly clock: Clock; readonly logger: Logger },
  resources: DisposalStack,
): void {
  // Fetches the keys of the identity providers, so that no caller waits for them. After a failure, the first request tries again.
  void verifier.warm();
  void operatorVerifier?.warm();
  const { keepDays } = config.audit;
  resources.use(startExpiry({ store, clock }), (end) => end());
  if (keepDays !== undefined)
    resources.use(startRetention(keepDays, { store, clock, logger, key: auditKeyOf(config) }), (end) => end());
  // Reports unusable stores at the start. The broker continues: each call tries the store again.
  for (const check of [store.check(), redis?.ping()]) check?.catch(() => undefined);
}

function openAudit(
  config: Config,
  { metrics, ...parts }: Omit<AuditDependencies, 'key' | 'listeners'> & { readonly metrics: Metrics },
  { onDecision }: BrokerDependencies,
  resources: DisposalStack,
): Audit {
  const audit = createAudit({
    ...parts,
    key: auditKeyOf(config),
    onCommit: metrics.timeCommit,
    listeners: [metrics.countDecision, ...(onDecision === undefined ? [] : [onDecision])],
  });
  return resources.use(audit, (opened) => opened.close());
}

/** Rejects with a `ConfigError` if the configuration would make other principals of stored users. */
async function refuseOtherPrincipals({ checkAndRememberPrincipals }: Parts): Promise<void> {
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
