import { formsOverlap, type Clock, type IssuerOptions } from '@valetkey/core-types';
import { createJwtVerifier, parseIssuers, type JwtVerifier, type JwtVerifierOptions } from '@valetkey/jwt-verify';
import { createTokenCache, type TokenCache, type TokenCacheEvent } from '@valetkey/token-cache';
import type { RedisStore } from '@valetkey/token-cache/redis';
import { openEgress, type ClientCertificate, type Egress } from '@valetkey/vendor-clients';
import type { Logger } from 'pino';
import type { Config, OperatorsConfig } from './config/config.ts';
import type { DisposalStack } from './disposal-stack.ts';
import { createReplayStore } from './identity/replay-store.ts';
import { createPolicyRules, type PolicyRules } from './policy/policy-rules.ts';
import { guardPrincipals } from './storage/guarded-store.ts';
import { rememberState, watchStore, type Outage } from './storage/served-store.ts';
import { openStore } from './storage/open-store.ts';
import { openTokenStore } from './storage/open-token-store.ts';
import { describeRedisFailure } from './storage/redis-failure.ts';
import { describeStoreFailure } from './storage/store-failure.ts';
import type { Store } from './storage/store.ts';
import { timeVendorCalls, type Metrics } from './telemetry/metrics.ts';
import { observeTwice, type Tracing } from './telemetry/tracing.ts';
import { createOutageReporter, watchPing } from './telemetry/outage-reporter.ts';
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
  /** The policy of forward authentication. */
  readonly forwardAuth: PolicyRules;
  readonly verifier: JwtVerifier;
  /** The verifier of operators' tokens. Absent if `admin.operators` is not configured. */
  readonly operatorVerifier: JwtVerifier | undefined;
  /** The cache of server tokens and account-bound client tokens. */
  readonly tokens: TokenCache;
  /** The store of that cache which several brokers share. Absent if `redis` is not configured. */
  readonly redis: RedisStore | undefined;
}

interface OpenDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent if the broker sends no traces. */
  readonly tracing?: Tracing | undefined;
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
  const openIssuers = (
    issuers: readonly IssuerOptions[],
    certificates: Config['issuerCertificates'],
    dpop?: DpopOptions,
  ) => openVerifier({ issuers, certificates, dpop, egress, clock, logger, metrics }, resources);
  const verifier = openIssuers(config.issuers, config.issuerCertificates, createDpopOptions(config, store, clock));
  const { operators } = config.admin;
  const operatorVerifier = operators && openIssuers([operators.issuer], certificateOf(operators));
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
  const forwardAuth = createPolicyRules({ place: 'forwardAuth', policy: config.forwardAuth.policy }, clock);
  const shared = { store, egress, connections, forwardAuth, verifier, operatorVerifier, tokens, redis };
  return { ...shared, checkAndRememberPrincipals, followChanges };
}

interface VerifierDependencies extends Omit<OpenDependencies, 'store'>, Pick<Parts, 'egress'> {
  readonly issuers: readonly IssuerOptions[];
  /** The certificates that the broker shows to identity providers, by issuer. */
  readonly certificates: ReadonlyMap<string, ClientCertificate>;
  readonly dpop?: DpopOptions | undefined;
}

/** What brokers that share a store have in common, so that they accept a DPoP proof once and the nonces of each other. */
type DpopOptions = Pick<JwtVerifierOptions, 'replayStore' | 'dpopNonceKey'>;

function createDpopOptions(
  { dpop: { nonceKey, maxProofsPerPrincipal } }: Config,
  store: Store,
  clock: Clock,
): DpopOptions {
  const replayStore = createReplayStore({ store, clock, maxProofsPerPrincipal });
  return { replayStore, dpopNonceKey: nonceKey && Buffer.from(nonceKey.reveal()) };
}

function openVerifier(
  { issuers, certificates, dpop, egress, clock, logger, metrics }: VerifierDependencies,
  resources: DisposalStack,
): JwtVerifier {
  const verifier = createJwtVerifier({
    ...dpop,
    issuers,
    fetch: egress.fetch,
    fetchByIssuer: new Map(
      [...certificates].map(([issuer, certificate]) => [issuer, egress.withClientCertificate(certificate).fetch]),
    ),
    clock,
    onEvent: (event) => {
      metrics.countIdentityEvent(event);
      if (event.type !== 'keys_fetched') logger.warn({ event }, 'identity provider');
    },
  });
  return resources.use(verifier, (created) => created.close());
}

function certificateOf({ issuer: { issuer }, clientCertificate }: OperatorsConfig): Config['issuerCertificates'] {
  return new Map(clientCertificate === undefined ? [] : [[issuer, clientCertificate]]);
}

function openConnections(
  { connections }: Config,
  { store, egress, clock, logger, metrics, tracing }: OpenDependencies & Pick<Parts, 'store' | 'egress'>,
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
        observeCalls: (target) => {
          const time = timeVendorCalls(target, { metrics, clock });
          return tracing === undefined ? time : observeTwice(tracing.traceCalls(target), time);
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
  const guarded = guardPrincipals(opened, listPrincipalRecords(config), config.migratedIssuers);
  const outage = createOutageReporter({ store: 'database', level: 'error', explain, clock, logger, metrics });
  // What is remembered proves nothing about the store, so only the reads and writes below it are watched.
  const state = rememberState(watchStore(guarded, outage), { clock, readChanges: opened.readChanges });
  resources.use(state, ({ stop }) => stop());
  const { checkAndRememberPrincipals } = guarded;
  return { store: state.store, checkAndRememberPrincipals, followChanges: state.start };
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
