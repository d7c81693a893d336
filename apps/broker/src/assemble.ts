import { isSameValue, systemClock, ValetKeyError, type Clock, type VendorDefinition } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createConfigState } from './config-state.ts';
import { ConfigError } from './config/config-error.ts';
import { versionsOf } from './config/config-version.ts';
import type { Config } from './config/config.ts';
import { createDisposalStack, type DisposalStack } from './disposal-stack.ts';
import { createEmbedding, type Embedding } from './http/embedding.ts';
import { replaceCertificate } from './http/listener-tls.ts';
import { switchRoutes } from './http/server.ts';
import { limitRunningCalls } from './http/sockets.ts';
import {
  isSameConfig,
  listFixedChanges,
  openGeneration,
  startRetentionOf,
  type Generation,
  type GenerationDependencies,
} from './open-generation.ts';
import type { Parts } from './open-parts.ts';
import { openSharedParts } from './open-shared-parts.ts';
import { createStart } from './start-broker.ts';
import type { Decision } from './storage/audit-store.ts';
import { createStoreHealth } from './storage/store-health.ts';
import type { Store } from './storage/store.ts';
import { addStateGauges } from './telemetry/gauges.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import type { Lifecycle } from './telemetry/readiness.ts';
import { openTracing, type Tracing } from './telemetry/tracing.ts';

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
  /** The listener that apps reach, with the routes of the configuration in use. `app.inject()` calls it without a port. */
  readonly app: FastifyInstance;
  /** The listener that operators reach, with the routes of the configuration in use. */
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

/** A broker whose configuration can be replaced, and its opened parts, for diagnosis. */
export interface AssembledBroker extends Broker {
  readonly parts: Parts;
  /**
   * Reads the configuration again and replaces it as a whole, and reports the outcome in the log, in `/readyz` and in the metrics. A
   * request that has begun ends by the configuration that it began with; each later one is served by the new one. What is the same in
   * both stays open: keys, verified tokens, connections to vendors and their state. Each new TCP connection gets the new certificate of
   * the listener; those that are open continue.
   *
   * Rejects, and changes nothing, with the error of `read`, or with a `ConfigError` if a part cannot be opened, if stored users
   * would become other principals, or if only a restart could apply a change: of `listen.host`, `listen.port`, `admin.host`,
   * `admin.port`, `store`, `redis` or `telemetry`, or that adds or removes `listen.tls` or `admin.tls`.
   *
   * @example
   * ```ts
   * await broker.reload(() => loadConfig('valetkey.config.yaml'));
   * ```
   */
  readonly reload: (read: () => Promise<Config>) => Promise<void>;
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
  const { used, state } = openUsed(config, dependencies, resources);
  const { logger, metrics, tracing, lifecycle } = used;
  const first = openGeneration(config, used);
  const generations = createGenerations(first, used);
  resources.use(generations, ({ close }) => close());
  addStateGauges({ metrics, current: () => generations.current().gauged });
  // Closed after the listeners, which end the last spans, and before the parts whose state is exported once more.
  if (tracing !== undefined) resources.use(tracing, closeTracing);
  // The first generation's servers listen; later ones only give them their routes.
  const listeners = [first.app, first.admin] as const;
  for (const listener of listeners.toReversed()) resources.use(listener, () => listener.close());
  const drain = () => {
    lifecycle.draining = true;
  };
  let closing: Promise<void> | undefined;
  const finish = async () => {
    drain();
    const { timeoutMs } = generations.current().config.shutdown;
    const stopWaiting = limitRunningCalls(listeners, { timeoutMs, logger });
    await resources.close().finally(stopWaiting);
  };
  const close = () => (closing ??= finish());

  const start = createStart({ close, isClosing: () => closing !== undefined, resources, first, used, state });
  const embedding = createEmbedding(first.app, start.work);
  resources.use(embedding, (opened) => opened.close());
  const { fetch, handler } = embedding;
  return {
    get app() {
      return generations.current().app;
    },
    get admin() {
      return generations.current().admin;
    },
    get parts() {
      return generations.current().parts;
    },
    listen: start.listen,
    fetch,
    handler,
    drain,
    close,
    reload: (read) =>
      generations.inTurn(() =>
        state.report(async () => {
          const reloaded = await generations.replace(await read());
          if (dependencies.logger === undefined) logger.level = generations.current().config.log.level;
          return reloaded;
        }),
      ),
  };
}

/** Opens what every configuration of a broker uses, and the state of the configuration, which describes itself in it. */
function openUsed(config: Config, dependencies: BrokerDependencies, resources: DisposalStack) {
  const { openTelemetry } = config.telemetry;
  const tracing = openTelemetry && resources.use(openTracing(openTelemetry), closeTracing);
  const defaultLogger = () => createLogger(config.log.level, undefined, tracing?.logFields);
  const { clock = systemClock, logger = defaultLogger(), onDecision } = dependencies;
  const metrics = createMetrics();
  const shared = openSharedParts(config, { clock, logger, metrics, store: dependencies.store }, resources);
  const storeHealth = createStoreHealth(shared.store, clock);
  const lifecycle: Lifecycle = { draining: false };
  const state = createConfigState({ clock, logger, metrics });
  const observed = { clock, logger, metrics, tracing };
  const used = { ...observed, shared, storeHealth, lifecycle, describeConfig: state.describe, onDecision };
  return { used, state };
}

const closeTracing = ({ close }: Tracing): Promise<void> => close();

/** Creates what replaces the generation in use, and closes a replaced one when its last request has ended. */
function createGenerations(first: Generation, dependencies: GenerationDependencies) {
  const { shared, logger, lifecycle } = dependencies;
  let current = first;
  const retiring = new Set<Promise<void>>();
  let latest: Promise<void> = Promise.resolve();
  let replacing: Promise<void> = Promise.resolve();

  const retire = async (generation: Generation, ended: Promise<unknown>): Promise<void> => {
    await ended;
    await generation.resources
      .close()
      .catch(() => logger.warn('a part of the replaced configuration could not be closed'));
  };
  const assertRunning = () => {
    if (lifecycle.draining) throw new ConfigError(['the broker is being stopped, so that nothing was applied']);
  };
  const replace = async (config: Config): Promise<void> => {
    assertRunning();
    const fixed = listFixedChanges(current.config, config);
    if (fixed.length > 0) throw new ConfigError(fixed);
    const earlier = current;
    const next = openGeneration(config, dependencies, earlier);
    next.resources.use(next.app, (server) => server.close());
    next.resources.use(next.admin, (server) => server.close());
    try {
      await Promise.all([next.app.ready(), next.admin.ready(), next.parts.verifier.warm()]);
      await next.parts.operatorVerifier?.warm();
      if (!hasSamePrincipals(earlier.config, config)) await changePrincipals(shared, config);
      assertRunning();
      replaceCertificates(first, earlier.config, config);
    } catch (error) {
      await next.resources.close().catch(() => undefined);
      throw error;
    }
    startRetentionOf(next, dependencies, earlier);
    current = next;
    const ended = Promise.all([switchRoutes(first.app, next.app), switchRoutes(first.admin, next.admin)]);
    const retired = retire(earlier, ended).finally(() => retiring.delete(retired));
    retiring.add(retired);
  };
  return {
    current: () => current,
    /** Uses a configuration from now on. Resolves with its versions and whether it is the one in use already. */
    replace: async (config: Config) => {
      const versions = await versionsOf(config);
      const isSame = isSameConfig(current.config, config);
      if (!isSame) await (replacing = replace(config));
      return { ...versions, isSame };
    },
    /** Runs reloads one after the other, so that each replaces the one before it. */
    inTurn: (reload: () => Promise<void>): Promise<void> => {
      const reloaded = latest.then(reload);
      latest = reloaded.catch(() => undefined);
      return reloaded;
    },
    // A reload that still reads its configuration is refused later.
    close: async () => {
      await replacing.catch(() => undefined);
      await Promise.all(retiring);
      await current.resources.close();
    },
  };
}

/** Gives each listener its new certificate. A pair that TLS cannot use was refused when the servers of its configuration were created. */
function replaceCertificates({ app, admin }: Generation, before: Config, after: Config): void {
  const renewed = [
    [app, before.listen.tls, after.listen.tls],
    [admin, before.admin.tls, after.admin.tls],
  ] as const;
  for (const [listener, earlier, tls] of renewed) {
    if (tls !== undefined && !isSameValue(earlier, tls)) replaceCertificate(listener, tls);
  }
}

function hasSamePrincipals(before: Config, after: Config): boolean {
  const principalsOf = ({ issuers, migratedIssuers, admin }: Config) => [
    issuers,
    migratedIssuers,
    admin.operators?.issuer,
  ];
  return isSameValue(principalsOf(before), principalsOf(after));
}

/** Rejects with a `ConfigError` if the configuration would make other principals of stored users, or if that cannot be known now. */
async function changePrincipals({ changePrincipals: change }: Pick<Parts, 'changePrincipals'>, config: Config) {
  try {
    await change(config);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const reason = ValetKeyError.isInstance(error) ? ` (${error.reason})` : '';
    throw new ConfigError([
      `issuers: have changed, but the store cannot be read now${reason}, so that the stored users cannot be compared with them`,
    ]);
  }
}
