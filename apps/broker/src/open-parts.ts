import type { Clock } from '@valetkey/core-types';
import { createJwtVerifier, parseIssuers, type JwtVerifier } from '@valetkey/jwt-verify';
import { createTokenCache, type TokenCache, type TokenCacheEvent } from '@valetkey/token-cache';
import type { RedisStore } from '@valetkey/token-cache/redis';
import { openEgress, type Egress } from '@valetkey/vendor-clients';
import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import type { DisposalStack } from './disposal-stack.ts';
import { guardPrincipals } from './storage/guarded-store.ts';
import { rememberState } from './storage/known-state.ts';
import { openStore } from './storage/open-store.ts';
import { openTokenStore } from './storage/open-token-store.ts';
import { describeRedisFailure } from './storage/redis-failure.ts';
import { describeStoreFailure } from './storage/store-failure.ts';
import type { Store } from './storage/store.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { createOutageReporter, watchPing, watchStore, type OutageReporter } from './telemetry/watch-store.ts';
import { createConnection, type Connections } from './vendors/connections.ts';

/** The opened parts of a broker: everything that has to be closed, except the listeners. */
export interface Parts {
  readonly store: Store;
  /**
   * Compares the stored users with the configuration, then stores the subject rule of each issuer. Rejects with a
   * `ConfigError` if stored users would become other principals, and with `overloaded` if the store cannot be used.
   */
  readonly checkAndRememberPrincipals: () => Promise<void>;
  /** Begins to read what other brokers change in the store. The first read of a principal does so as well. */
  readonly followChanges: () => void;
  readonly egress: Egress;
  readonly connections: Connections;
  readonly verifier: JwtVerifier;
  /** The cache of server tokens and account-bound client tokens. */
  readonly tokens: TokenCache;
  /** The store of that cache which several brokers share. Absent if `redis` is not configured. */
  readonly redis: RedisStore | undefined;
}

interface OpenDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Used instead of the configured store. */
  readonly store?: Store | undefined;
}

/** Each vendor ends its operations after its own `timeoutMs`. The timeout of the cache only has to be longer than any of these. */
const maxIssueMs = 150_000;

/** Opens the parts that a configuration names, and registers in `resources` how each of them is closed. */
export function openParts(config: Config, dependencies: OpenDependencies, resources: DisposalStack): Parts {
  const { clock, logger, metrics } = dependencies;
  const { store, checkAndRememberPrincipals, followChanges } = openWatchedStore(config, dependencies, resources);
  const egress = resources.use(openEgress(config.egress), (opened) => opened.close());
  const connections = openConnections(config, { ...dependencies, store, egress }, resources);
  const verifier = createJwtVerifier({
    issuers: config.issuers,
    fetch: egress.fetch,
    fetchByIssuer: new Map(
      [...config.issuerCertificates].map(([issuer, certificate]) => [
        issuer,
        egress.withClientCertificate(certificate).fetch,
      ]),
    ),
    clock,
    onEvent: (event) => {
      metrics.countIdentityEvent(event);
      if (event.type !== 'keys_fetched') logger.warn({ event }, 'identity provider');
    },
  });
  resources.use(verifier, (created) => created.close());
  const outage = createOutageReporter({
    store: 'redis',
    level: 'warn',
    explain: describeRedisFailure,
    clock,
    logger,
    metrics,
  });
  const redis =
    config.redis &&
    watchPing(
      resources.use(openTokenStore(config.redis), (opened) => opened.close()),
      outage,
    );
  const tokens = createTokenCache({
    clock,
    store: redis,
    issueTimeoutMs: maxIssueMs,
    onEvent: (event) => reportTokenEvent(event, metrics, outage),
  });
  resources.use(tokens, (created) => created.close());
  return { store, checkAndRememberPrincipals, followChanges, egress, connections, verifier, tokens, redis };
}

function openConnections(
  { connections }: Config,
  { store, egress, clock, logger, metrics }: OpenDependencies & Pick<Parts, 'store' | 'egress'>,
  resources: DisposalStack,
): Connections {
  return new Map(
    connections.map((configured) => {
      const connection = createConnection(configured, {
        store,
        clock,
        egress,
        onEvent: (event) => {
          metrics.countVendorEvent(event);
          logger[event.type === 'retried' ? 'info' : 'warn']({ event }, 'vendor');
        },
      });
      resources.use(connection.vendor, (vendor) => vendor.close());
      return [connection.name, connection];
    }),
  );
}

function openWatchedStore(
  config: Config,
  { clock, logger, metrics, store }: OpenDependencies,
  resources: DisposalStack,
): Pick<Parts, 'store' | 'checkAndRememberPrincipals' | 'followChanges'> {
  const opened = store ?? openStore(config.store, (problem) => logger.warn({ problem }, 'store'));
  resources.use(opened, () => opened.close());
  const explain = (reason: string) => {
    const { detail, advice } = describeStoreFailure(reason);
    return `${detail} ${advice}`;
  };
  const guarded = guardPrincipals(opened, parseIssuers(config.issuers), config.migratedIssuers);
  const outage = createOutageReporter({ store: 'database', level: 'error', explain, clock, logger, metrics });
  // What is remembered proves nothing about the store, so only the reads and writes below it are watched.
  const state = rememberState(watchStore(guarded, outage), { clock, readChanges: opened.readChanges });
  resources.use(state, ({ stop }) => stop());
  const { checkAndRememberPrincipals } = guarded;
  return { store: state.store, checkAndRememberPrincipals, followChanges: state.start };
}

function reportTokenEvent(event: TokenCacheEvent, metrics: Metrics, outage: OutageReporter): void {
  metrics.countTokenEvent(event);
  if (event.type === 'store_down') outage.fail(event.reason);
  if (event.type === 'store_up') outage.end();
}
