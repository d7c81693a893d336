import type { Audit } from '../audit/audit.ts';
import type { Clock } from '@valetkey/core-types';
import type { JwtVerifier } from '@valetkey/jwt-verify';
import type { TokenCache } from '@valetkey/token-cache';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { listAdminDigests } from '../config/admin-fields.ts';
import type { Config } from '../config/config.ts';
import { createRecordRefusal } from '../audit/record-refusal.ts';
import { createIdentify } from '../identity/identify.ts';
import { createCallerLimits } from '../policy/caller-limits.ts';
import type { Store } from '../storage/store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Lifecycle, Readiness } from '../telemetry/readiness.ts';
import type { Connections } from '../vendors/connections.ts';
import type { Perform } from '../vendors/perform.ts';
import { addAdminRoutes } from './routes/admin.ts';
import { addBackChannelLogoutRoute } from './routes/backchannel-logout.ts';
import { addAdminFrontRoutes, addDocumentationRoutes } from './routes/documentation.ts';
import { addAuthorizeRoute, addResolveRoute } from './routes/forward-auth.ts';
import { addHealthRoutes, addMetricsRoute } from './routes/health.ts';
import { addIssueRoute } from './routes/issue.ts';
import { addMetadataRoutes, resourceMetadataPath } from './routes/metadata.ts';
import { addProxyRoute } from './routes/proxy.ts';
import { addSessionRoute } from './routes/session.ts';
import { addTokenExchangeRoute } from './routes/token-exchange.ts';
import { createHttpServer } from './server.ts';

/** The parts of the broker that its listeners use. */
export interface ListenerDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly store: Store;
  readonly connections: Connections;
  readonly verifier: JwtVerifier;
  readonly tokens: TokenCache;
  readonly perform: Perform;
  readonly audit: Audit;
  readonly readiness: () => Promise<Readiness>;
  readonly lifecycle: Lifecycle;
}

/** Creates the listener that apps reach. */
export function createAppListener(config: Config, dependencies: ListenerDependencies): FastifyInstance {
  const { clock, logger, metrics, store, connections, verifier, tokens, perform, audit, readiness, lifecycle } =
    dependencies;
  const { publicUrl } = config;
  const countError = metrics.countError;
  const app = createHttpServer({
    logger,
    lifecycle,
    countError,
    resourceMetadata: publicUrl && publicUrl + resourceMetadataPath,
    origins: config.cors.origins,
    hostNames: config.listen.hostNames,
    trustedProxies: config.listen.trustedProxies,
  });
  const callerLimits = createCallerLimits(config.callerLimits, clock);
  const recordRefusal = createRecordRefusal(audit, connections);
  const { assertWithinRate } = callerLimits;
  const identify = createIdentify({ verifier, store, recordRefusal, assertWithinRate });
  // Forward authentication has no rate limit, because a proxy asks the broker about each request to every service.
  const identifyWithoutLimit = createIdentify({ verifier, store, recordRefusal });
  const { headerPrefix } = config.forwardAuth;
  addHealthRoutes(app, async () => ({ ...(await readiness()), parts: {} }));
  addDocumentationRoutes(app, publicUrl);
  addResolveRoute(app, { identify: identifyWithoutLimit, headerPrefix });
  addAuthorizeRoute(app, { identify: identifyWithoutLimit, headerPrefix });
  addSessionRoute(app, { identify, connections, clock, store, mayExplain: config.session.explain });
  addIssueRoute(app, { identify, perform, tokens, clock });
  addProxyRoute(app, { identify, perform, tokens, callerLimits, countError });
  addTokenExchangeRoute(app, { identify, perform, tokens, clock, countError });
  const acceptsLogout = config.issuers.some(({ backChannelLogout }) => backChannelLogout !== undefined);
  if (acceptsLogout) addBackChannelLogoutRoute(app, { verifier, store, audit, countError });
  if (publicUrl !== undefined) {
    const scopes = new Set(config.connections.flatMap(({ policy }) => policy.requiredScopes));
    addMetadataRoutes(app, { publicUrl, issuers: issuersOf(config), scopes: [...scopes], acceptsLogout });
  }
  return app;
}

/** Creates the listener that operators reach. */
export function createAdminListener(config: Config, dependencies: ListenerDependencies): FastifyInstance {
  const { clock, logger, metrics, store, connections, audit, readiness, lifecycle } = dependencies;
  const { host, hostNames } = config.admin;
  const accepted = listAdminDigests(config.admin);
  const admin = createHttpServer({
    logger,
    lifecycle,
    countError: metrics.countError,
    hostNames: [host, ...hostNames],
  });
  addHealthRoutes(admin, readiness);
  addAdminFrontRoutes(admin, accepted.length > 0);
  addMetricsRoute(admin, metrics);
  addAdminRoutes(admin, { store, connections, issuers: issuersOf(config), accepted, audit, clock });
  return admin;
}

function issuersOf({ issuers }: Config): string[] {
  return issuers.map(({ issuer }) => issuer);
}
