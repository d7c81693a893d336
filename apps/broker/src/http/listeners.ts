import type { IncomingMessage } from 'node:http';
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
import type { CallerLimits } from '../policy/caller-limits.ts';
import type { PolicyRules } from '../policy/policy-rules.ts';
import { createIdentifyOperator } from '../policy/operators.ts';
import type { Store } from '../storage/store.ts';
import { timeRequests, type Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import type { Lifecycle, Readiness } from '../telemetry/readiness.ts';
import type { Connections } from '../vendors/connections.ts';
import type { Perform } from '../vendors/perform.ts';
import { isAdminApiOn, type AdminAccess } from './routes/admin-authentication.ts';
import { addAdminRoutes } from './routes/admin.ts';
import { addBackChannelLogoutRoute } from './routes/backchannel-logout.ts';
import { addAdminFrontRoutes, addDocumentationRoutes } from './routes/documentation.ts';
import { addAuthorizeRoute, addResolveRoute, forwardedTokenRemediation } from './routes/forward-auth.ts';
import { createAdmission, type AdmissionDependencies } from './admission.ts';
import { addHealthRoutes, addMetricsRoute, isForHealth } from './routes/health.ts';
import { addIssueRoute } from './routes/issue.ts';
import { addMetadataRoutes, resourceMetadataPath } from './routes/metadata.ts';
import { problemFormat } from './errors/problem-sender.ts';
import { addEndpointRoute } from './routes/endpoint.ts';
import { addProxyRoute } from './routes/proxy.ts';
import { addSessionRoute } from './routes/session.ts';
import { addTokenExchangeRoute, exchangedTokenRemediation } from './routes/token-exchange.ts';
import { acceptDpop } from './dpop-credentials.ts';
import { readBearerCredentials } from './request-rules.ts';
import { createAddressTest } from './request-id.ts';
import { createHttpServer } from './server.ts';

/** The parts of the broker that its listeners use. */
export interface ListenerDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent if the broker sends no traces. */
  readonly tracing: Tracing | undefined;
  readonly store: Store;
  readonly connections: Connections;
  readonly forwardAuth: PolicyRules;
  readonly callerLimits: CallerLimits;
  readonly verifier: JwtVerifier;
  /** The verifier of operators' tokens. Absent if no user of an identity provider is an operator. */
  readonly operatorVerifier: JwtVerifier | undefined;
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
  const { callerLimits } = dependencies;
  const { publicUrl } = config;
  // The configuration has `publicUrl` if an issuer has `dpop`.
  const dpop = publicUrl === undefined ? undefined : verifier.dpop;
  const countError = metrics.countError;
  const app = createHttpServer({
    logger,
    lifecycle,
    countError,
    resourceMetadata: publicUrl && publicUrl + resourceMetadataPath,
    dpop,
    origins: config.cors.origins,
    hostNames: config.listen.hostNames,
    trustedProxies: config.listen.trustedProxies,
    tls: config.listen.tls,
    proxyRequestIds: config.listen.proxyRequestIds,
    observe: observeAs('app', dependencies, tracedProxies(config)),
    admission: { admission: createAdmission({ clock, onChange: logSaturation(logger) }), isExempt: startsAtOnce },
  });
  const recordRefusal = createRecordRefusal(audit, connections);
  const { assertWithinRate } = callerLimits;
  const readCredentials =
    dpop === undefined || publicUrl === undefined ? readBearerCredentials : acceptDpop(app, { verifier, publicUrl });
  const shared = { verifier, store, recordRefusal };
  const identify = createIdentify({ ...shared, assertWithinRate });
  const forwardAuth = {
    // Forward authentication has no rate limit, because a proxy asks the broker about each request to every service.
    identify: createIdentify({ ...shared, boundTokenRemediation: forwardedTokenRemediation }),
    recordRefusal,
    policy: dependencies.forwardAuth,
    headerPrefix: config.forwardAuth.headerPrefix,
  };
  const exchange = {
    identify: createIdentify({ ...shared, assertWithinRate, boundTokenRemediation: exchangedTokenRemediation }),
    perform,
    tokens,
    clock,
    countError,
  };
  addHealthRoutes(app, async () => ({ ...(await readiness()), parts: {} }));
  addDocumentationRoutes(app, publicUrl);
  addResolveRoute(app, forwardAuth);
  addAuthorizeRoute(app, forwardAuth);
  addSessionRoute(app, { identify, readCredentials, connections, clock, store, mayExplain: config.session.explain });
  addIssueRoute(app, { identify, readCredentials, connections, perform, tokens, clock });
  const problems = problemFormat(publicUrl && publicUrl + resourceMetadataPath, dpop);
  addEndpointRoute(app, { identify, readCredentials, connections, perform, tokens, countError, problems });
  addProxyRoute(app, { identify, readCredentials, connections, perform, tokens, callerLimits, countError, problems });
  addTokenExchangeRoute(app, exchange);
  const acceptsLogout = config.issuers.some(({ backChannelLogout }) => backChannelLogout !== undefined);
  if (acceptsLogout) addBackChannelLogoutRoute(app, { verifier, store, audit, countError });
  if (publicUrl !== undefined) {
    const scopes = new Set(config.connections.flatMap(({ policy }) => policy.requiredScopes));
    addMetadataRoutes(app, { publicUrl, issuers: issuersOf(config), scopes: [...scopes], acceptsLogout, dpop });
  }
  return app;
}

/** Returns whether a request starts also if the broker is saturated: one for its health, or the preflight request of a browser. */
function startsAtOnce(request: IncomingMessage): boolean {
  return request.method === 'OPTIONS' || isForHealth(request);
}

function logSaturation(logger: Logger): NonNullable<AdmissionDependencies['onChange']> {
  return (change) => {
    if (change === 'saturated') logger.warn('more requests arrive than the broker can serve, so it refuses some');
    else logger.warn(change, 'the broker serves every request again');
  };
}

/** Creates the listener that operators reach. */
export function createAdminListener(config: Config, dependencies: ListenerDependencies): FastifyInstance {
  const { clock, logger, metrics, store, connections, audit, readiness, lifecycle } = dependencies;
  const { host, hostNames, tls } = config.admin;
  const access = createAdminAccess(config, dependencies);
  const admin = createHttpServer({
    logger,
    lifecycle,
    countError: metrics.countError,
    hostNames: [host, ...hostNames],
    tls,
    observe: observeAs('admin', dependencies, []),
  });
  addHealthRoutes(admin, readiness);
  addAdminFrontRoutes(admin, isAdminApiOn(access));
  addMetricsRoute(admin, metrics);
  const operatorIssuer = config.admin.operators?.issuer.issuer;
  addAdminRoutes(admin, { store, connections, issuers: issuersOf(config), operatorIssuer, access, audit, clock });
  return admin;
}

/** Returns the proxies whose traces the broker continues. */
function tracedProxies({ telemetry: { openTelemetry }, listen }: Config): readonly string[] {
  return openTelemetry?.continueTraces === true ? listen.trustedProxies : [];
}

function observeAs(
  listener: 'app' | 'admin',
  { metrics, clock, connections, tracing }: ListenerDependencies,
  proxies: readonly string[],
) {
  const isConnection = (name: string) => connections.has(name);
  return (server: FastifyInstance) => {
    timeRequests(server, { listener, metrics, clock, isConnection });
    tracing?.traceRequests(server, createAddressTest(proxies));
  };
}

function createAdminAccess(
  { admin }: Config,
  { operatorVerifier: verifier, store, connections, audit, clock }: ListenerDependencies,
): AdminAccess {
  const { operators } = admin;
  const recordRefusal = createRecordRefusal(audit, connections);
  const identify = verifier && createIdentify({ verifier, store, recordRefusal });
  const identifyOperator =
    operators && identify && createIdentifyOperator(operators, { identify, recordRefusal, clock });
  return { accepted: listAdminDigests(admin), identifyOperator };
}

function issuersOf({ issuers }: Config): string[] {
  return issuers.map(({ issuer }) => issuer);
}
