import { formsOverlap, type Clock } from '@valetkey/core-types';
import { parseIssuers } from '@valetkey/jwt-verify';
import { createTokenCache, type TokenCache, type TokenCacheEvent } from '@valetkey/token-cache';
import type { RedisStore } from '@valetkey/token-cache/redis';
import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import type { DisposalStack } from './disposal-stack.ts';
import { guardPrincipals } from './storage/guarded-store.ts';
import { openStore } from './storage/open-store.ts';
import { openTokenStore } from './storage/open-token-store.ts';
import { describeRedisFailure } from './storage/redis-failure.ts';
import { rememberState, watchStore, type Outage } from './storage/served-store.ts';
import { describeStoreFailure } from './storage/store-failure.ts';
import type { Store } from './storage/store.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { createOutageReporter, watchPing } from './telemetry/outage-reporter.ts';

/** The opened parts that stay the same when the broker reloads its configuration. */
export interface SharedParts {
  readonly store: Store;
  /**
   * Compares the stored users with the configuration, then stores the subject rule of each issuer. Rejects with a
   * `ConfigError` if stored users would become other principals, and with `overloaded` if the store cannot be used.
   */
  readonly checkAndRememberPrincipals: () => Promise<void>;
  /** Does the same for another configuration, with which the store compares from then on. If it rejects, nothing changes. */
  readonly changePrincipals: (config: Config) => Promise<void>;
  /** Begins to read what other brokers change in the store. The first read of a principal does so as well. */
  readonly followChanges: () => void;
  /** The cache of server tokens and account-bound client tokens. */
  readonly tokens: TokenCache;
  /** The store of that cache which several brokers share. Absent if `redis` is not configured. */
  readonly redis: RedisStore | undefined;
}

/** What {@link openSharedParts} works with. */
export interface SharedDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Used instead of the configured store. */
  readonly store?: Store | undefined;
}

/** Each vendor ends its operations after its own `timeoutMs`. The timeout of the cache only has to be longer than any of these. */
const maxIssueMs = 150_000;

/** Opens the store and the token cache that a configuration names, and registers in `resources` how each of them is closed. */
export function openSharedParts(
  config: Config,
  dependencies: SharedDependencies,
  resources: DisposalStack,
): SharedParts {
  const { clock, logger, metrics } = dependencies;
  const watched = openWatchedStore(config, dependencies, resources);
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
  return { ...watched, tokens, redis };
}

function openWatchedStore(
  config: Config,
  { clock, logger, metrics, store }: SharedDependencies,
  resources: DisposalStack,
): Omit<SharedParts, 'tokens' | 'redis'> {
  const opened = store ?? openStore(config.store, (problem) => logger.warn({ problem }, 'store'));
  resources.use(opened, () => opened.close());
  const explain = (reason: string) => {
    const { detail, advice } = describeStoreFailure(reason);
    return `${detail} ${advice}`;
  };
  const guarded = guardPrincipals(opened, listPrincipalRecords(config), config.migratedIssuers);
  const outage = createOutageReporter({ store: 'database', level: 'error', explain, clock, logger, metrics });
  // What is remembered proves nothing about the store, so only the reads and writes below it are watched.
  const state = rememberState(watchStore(guarded, outage), { clock, readChanges: opened.readChanges });
  resources.use(state, ({ stop }) => stop());
  return {
    store: state.store,
    checkAndRememberPrincipals: guarded.checkAndRememberPrincipals,
    changePrincipals: (changed) => guarded.changePrincipals(listPrincipalRecords(changed), changed.migratedIssuers),
    followChanges: state.start,
  };
}

/** Returns the issuers of apps, and the issuer of the operators unless it is one of these. Blocks are stored for all of them. */
function listPrincipalRecords({ issuers, admin: { operators } }: Config) {
  const records = parseIssuers(issuers);
  const names = records.flatMap(({ issuer, otherForms }) => [issuer, ...otherForms]);
  const isShared = operators && names.some((form) => formsOverlap(form, operators.issuer.issuer));
  return operators === undefined || isShared ? records : [...records, ...parseIssuers([operators.issuer])];
}

function reportTokenEvent(event: TokenCacheEvent, metrics: Metrics, outage: Outage): void {
  metrics.countTokenEvent(event);
  if (event.type === 'store_down') outage.fail(event.reason);
  if (event.type === 'store_up') outage.end();
}
