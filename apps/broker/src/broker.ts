import { systemClock, type Clock, type VendorDefinition } from '@valetkey/core-types';
import type { IssuerStatus, JwtVerifier } from '@valetkey/jwt-verify';
import { createTokenCache } from '@valetkey/token-cache';
import type { RedisStore } from '@valetkey/token-cache/redis';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createCallerLimits } from './caller-limits.ts';
import { issuersOf } from './connected-vendors.ts';
import { parseConfig, type BrokerConfig } from './config.ts';
import { createDecide } from './decisions.ts';
import { addAdminRoutes } from './http/admin-routes.ts';
import { createAuthenticate } from './http/authenticate.ts';
import { allowOrigins } from './http/cors.ts';
import { addDocumentationRoutes } from './http/documentation-routes.ts';
import { addAuthorizeRoute, addResolveRoute } from './http/forward-auth-routes.ts';
import { addHealthRoutes, addMetricsRoute, type Readiness } from './http/health-routes.ts';
import { createHttpServer } from './http/server.ts';
import { addMetadataRoutes, resourceMetadataPath } from './http/metadata-routes.ts';
import { addTokenExchangeRoute } from './http/token-exchange-route.ts';
import { addSessionRoute } from './http/session-routes.ts';
import { addIssueRoute, addProxyRoute } from './http/vendor-routes.ts';
import { createIdentify } from './identify.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { openParts } from './parts.ts';
import { startRetention } from './retention.ts';
import { createStoreHealth, type StoreHealth } from './store-health.ts';
import type { Decision, Store } from './store.ts';
import { openTokenStore } from './token-store.ts';

/** Each vendor ends its own operations, after its `timeoutMs`; the cache is only not to be quicker than any of them. */
const longestIssueMs = 150_000;

/** What the broker works with; each part has a default. */
export interface BrokerEffects {
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly store?: Store;
  readonly vendors?: Readonly<Record<string, VendorDefinition>>;
  /** Hears of each decision after it is recorded. */
  readonly onDecision?: (decision: Decision) => void;
}

/** A broker that is ready to listen. */
export interface Broker {
  /** The listener that apps reach; `app.inject()` calls it without a port. */
  readonly app: FastifyInstance;
  /** The listener that operators reach. */
  readonly admin: FastifyInstance;
  /** Opens both listeners. Rejects with `EADDRINUSE` where a port is taken, and closes the broker then. */
  readonly listen: () => Promise<{ readonly brokerUrl: string; readonly adminUrl: string }>;
  /** Says "not ready" from now on, and that no connection is to be used again; serves on. */
  readonly drain: () => void;
  /** Says "not ready", finishes the requests under way, then lets go of everything. */
  readonly close: () => Promise<void>;
}

/**
 * Makes a broker of its configuration. Throws `ConfigError` with every problem in it; nothing listens yet.
 *
 * @example
 * ```ts
 * import { createBroker } from '@valetkey/broker';
 *
 * const broker = createBroker({
 *   issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'] }],
 *   vendors: { nudge: { apiKey: process.env.NUDGE_API_KEY ?? '' } },
 * });
 * const { brokerUrl } = await broker.listen();
 * ```
 */
export function createBroker(input: unknown, effects: BrokerEffects = {}): Broker {
  const config = parseConfig(input, effects.vendors);
  const clock = effects.clock ?? systemClock;
  const logger = effects.logger ?? createLogger(config.log.level);
  const metrics = createMetrics();
  const { store, connected, verifier, ...parts } = openParts(config, {
    clock,
    store: effects.store,
    onVendorEvent: (event) => {
      metrics.countVendorEvent(event);
      logger[event.type === 'retried' ? 'info' : 'warn']({ event }, 'vendor');
    },
    onIdentityEvent: (event) => {
      metrics.countIdentityEvent(event);
      // `closed` is the broker's own doing.
      if (event.type === 'keys_fetch_failed' && event.reason !== 'closed') logger.warn({ event }, 'identity provider');
    },
  });
  const tokenStore = openTokenStore(config.redis);
  const tokens = createTokenCache({
    clock,
    store: tokenStore,
    issueTimeoutMs: longestIssueMs,
    onEvent: (event) => {
      metrics.countTokenEvent(event);
      if (event.type === 'store_down' || event.type === 'store_up') logger.warn({ event }, 'shared token store');
    },
  });
  const onDecision = (decision: Decision) => {
    metrics.countDecision(decision);
    effects.onDecision?.(decision);
  };
  const storeHealth = createStoreHealth(store, clock);
  const decide = createDecide({ store, storeHealth, clock, logger, onDecision });
  const callerLimits = createCallerLimits(config.callerLimits, clock);
  const identify = createIdentify(verifier, store);
  const authenticate = createAuthenticate(identify, callerLimits.countRequest);

  let draining = false;
  const isDraining = () => draining;
  const readiness = () => checkReadiness({ storeHealth, verifier, tokenStore, draining });

  const { publicUrl } = config;
  const issuers = issuersOf(config, connected).map(({ issuer }) => issuer);
  const app = createHttpServer({
    logger,
    isDraining,
    onProblem: metrics.countProblem,
    resourceMetadata: publicUrl && publicUrl + resourceMetadataPath,
  });
  app.decorateRequest('principal', null);
  allowOrigins(app, config.cors.origins);
  addHealthRoutes(app, async () => ({ ...(await readiness()), parts: {} }));
  addDocumentationRoutes(app, publicUrl);
  addSessionRoute(app, { authenticate, connected, clock });
  const forwardAuthServices = { identify, headerPrefix: config.forwardAuth.headerPrefix };
  addResolveRoute(app, forwardAuthServices);
  addAuthorizeRoute(app, forwardAuthServices);
  const vendorServices = {
    authenticate,
    connected,
    decide,
    tokens,
    callerLimits,
    clock,
    onProblem: metrics.countProblem,
  };
  addIssueRoute(app, vendorServices);
  addProxyRoute(app, vendorServices);
  addTokenExchangeRoute(app, { ...vendorServices, identify });
  if (publicUrl !== undefined) {
    addMetadataRoutes(app, {
      publicUrl,
      issuers,
      scopes: [...new Set(config.vendors.flatMap(({ policy }) => policy.requiredScopes))],
    });
  }

  const admin = createHttpServer({ logger, isDraining, onProblem: metrics.countProblem });
  addHealthRoutes(admin, readiness);
  addMetricsRoute(admin, metrics);
  addAdminRoutes(admin, { store, connected, issuers, token: config.admin.token });

  let endRetention = () => {};
  const close = async () => {
    draining = true;
    endRetention();
    await app.close();
    await admin.close();
    await tokens.close();
    await parts.close();
  };

  return {
    app,
    admin,
    listen: async () => {
      try {
        await openListener(app, config.listen);
        await openListener(admin, config.admin);
      } catch (error) {
        await close();
        throw error;
      }
      // Fetched ahead, so that no caller waits for it; a provider that is down now is asked again by the first caller.
      void verifier.warm();
      const { keepDays } = config.audit;
      if (keepDays !== undefined) endRetention = startRetention(keepDays, { store, clock, logger });
      // A database that is down now is tried again by each call, and the operator is told.
      store.check().catch((error: { reason?: string }) => logger.error({ reason: error.reason }, 'store is unusable'));
      return { brokerUrl: urlOf(app), adminUrl: urlOf(admin) };
    },
    drain: () => {
      draining = true;
    },
    close,
  };
}

async function openListener(server: FastifyInstance, { host, port }: BrokerConfig['listen']): Promise<void> {
  await server.listen({ host, port });
}

function urlOf(server: FastifyInstance): string {
  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('The listener has no port.');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}

interface ReadinessParts {
  readonly storeHealth: StoreHealth;
  readonly verifier: JwtVerifier;
  readonly tokenStore: RedisStore | undefined;
  readonly draining: boolean;
}

/** Only the store is needed: without Redis or an identity provider the broker still serves those whom it can serve. */
async function checkReadiness(parts: ReadinessParts): Promise<Readiness> {
  const { storeHealth, verifier, tokenStore, draining } = parts;
  const [storePart, redis] = await Promise.all([
    storeHealth.check().then(
      () => 'ok',
      () => 'unusable',
    ),
    tokenStore?.ping().then(
      () => 'ok',
      () => 'unreachable',
    ),
  ]);
  return {
    ready: !draining && storePart === 'ok',
    parts: {
      store: storePart,
      identity: describeIdentity(verifier.status()),
      ...(redis === undefined ? {} : { redis }),
      ...(draining ? { shutdown: 'draining' } : {}),
    },
  };
}

/** The issuers whose keys are missing or kept longer than they should be, each with what is known; `ok` where there are none. */
function describeIdentity(statuses: readonly IssuerStatus[]): string {
  const troubles = statuses.flatMap(({ issuer, keys, stale, ageSeconds }) => {
    if (keys === 0) return [`no keys yet of ${issuer}`];
    return stale ? [`keys of ${issuer} are ${ageSeconds} s old and not renewed`] : [];
  });
  return troubles.length === 0 ? 'ok' : troubles.join('; ');
}
