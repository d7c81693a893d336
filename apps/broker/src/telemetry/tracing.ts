// A namespace, because the bundle of the command already has a `createRequire`.
import * as nodeModule from 'node:module';
import type { ServerResponse } from 'node:http';
import type * as OpenTelemetry from '@opentelemetry/api';
import type { Attributes, Context, Histogram, Span } from '@opentelemetry/api';
import type * as OpenTelemetrySdk from '@opentelemetry/sdk-node';
import { codeOfForeignError, type VendorCallEnd, type VendorDependencies } from '@valetkey/core-types';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ConfigError } from '../config/config-error.ts';
import type { OpenTelemetryFields } from '../config/telemetry-fields.ts';
import type { Metrics } from './metrics.ts';

type Api = typeof OpenTelemetry;
type Sdk = Pick<typeof OpenTelemetrySdk, 'NodeSDK'>;

/** Sends traces and metrics to an OpenTelemetry collector. */
export interface Tracing {
  /**
   * Adds a span for each request. It must be called before the server has hooks and routes. A request continues the trace in
   * its header only if it comes from an address for which `isTrusted` returns true.
   */
  readonly traceRequests: (server: FastifyInstance, isTrusted: (address: string | undefined) => boolean) => void;
  /** Returns what adds a span for each call of one connection to its vendor. */
  readonly traceCalls: (target: { readonly connection: string; readonly vendor: string }) => OnCall;
  /** Exports the counters and gauges that exist now. The histograms of OpenTelemetry replace those of the broker. */
  readonly exportMetrics: (metrics: Pick<Metrics, 'list'>) => void;
  /** Returns the ids of the trace of the current request, for its log lines. */
  readonly logFields: () => object;
  /** Returns the id of the trace of the current request, for its decisions. Undefined outside of a request. */
  readonly traceId: () => string | undefined;
  /** Sends what is not sent yet. Resolves after five seconds at the latest. */
  readonly close: () => Promise<void>;
}

type OnCall = NonNullable<VendorDependencies['onCall']>;

interface TracingDependencies {
  /** Loads an installed package. */
  readonly load?: ((name: string) => unknown) | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

const maxCloseMs = 5_000;
const packages = '`@opentelemetry/api` and `@opentelemetry/sdk-node`';

/**
 * Loads OpenTelemetry, and starts its SDK unless a program that was loaded before has started one. Throws a `ConfigError` if
 * the packages are not installed.
 */
export function openTracing(
  { sendTo }: OpenTelemetryFields,
  { load = nodeModule.createRequire(import.meta.url), environment = process.env }: TracingDependencies = {},
): Tracing {
  const api = loadPackage<Api>('@opentelemetry/api', load);
  const sdk = isStarted(api) ? undefined : startSdk(loadPackage<Sdk>('@opentelemetry/sdk-node', load), environment);
  let closing: Promise<void> | undefined;
  const meter = api.metrics.getMeter('valetkey');
  const times = (name: string, description: string) => meter.createHistogram(name, { description, ...timeOptions });
  const requestTimes = times('http.server.request.duration', 'Duration of HTTP server requests.');
  const callTimes = times('http.client.request.duration', 'Duration of HTTP client requests.');
  return {
    exportMetrics: (metrics) => exportMetrics(api, metrics),
    traceRequests: (server, isTrusted) => traceRequests(api, { server, isTrusted, times: requestTimes }),
    traceCalls: (target) =>
      traceCalls(api, { ...target, times: callTimes, isSent: sendTo.includes(target.connection) }),
    logFields: () => {
      const { traceId, spanId } = api.trace.getActiveSpan()?.spanContext() ?? {};
      return traceId === undefined ? {} : { trace_id: traceId, span_id: spanId };
    },
    traceId: () => api.trace.getActiveSpan()?.spanContext().traceId,
    close: () => (closing ??= sdk === undefined ? Promise.resolve() : shutDown(sdk)),
  };
}

/** Ends the SDK. A collector that cannot be reached must not keep the broker from ending. */
async function shutDown(sdk: { readonly shutdown: () => Promise<void> }): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, maxCloseMs);
  await Promise.race([sdk.shutdown().catch(() => undefined), promise]);
  clearTimeout(timer);
}

/** The bounds that the semantic conventions of OpenTelemetry advise. */
const timeOptions = {
  unit: 's',
  advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
};

function loadPackage<Package>(name: string, load: (name: string) => unknown): Package {
  try {
    return load(name) as Package;
  } catch (error) {
    const isMissing = ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(codeOfForeignError(error) ?? '');
    throw new ConfigError([
      isMissing
        ? `telemetry.openTelemetry: needs the packages ${packages}; run \`npm install @opentelemetry/api @opentelemetry/sdk-node\` where the broker is installed`
        : `telemetry.openTelemetry: the package \`${name}\` cannot be loaded; install another version of it`,
    ]);
  }
}

/** Returns whether an SDK is registered. Without one, the API creates spans without ids. */
function isStarted({ trace, isSpanContextValid }: Api): boolean {
  return isSpanContextValid(trace.getTracer('valetkey').startSpan('started').spanContext());
}

function startSdk({ NodeSDK }: Sdk, environment: Readonly<Record<string, string | undefined>>) {
  const { OTEL_SERVICE_NAME: name, OTEL_RESOURCE_ATTRIBUTES: attributes = '' } = environment;
  const isNamed = name !== undefined || /(^|,)\s*service\.name=/.test(attributes);
  const sdk = new NodeSDK({ instrumentations: [], ...(!isNamed && { serviceName: 'valetkey' }) });
  sdk.start();
  return sdk;
}

/** Exports each counter and gauge under its name with a dot: `valetkey.decisions`. They are read when the SDK exports metrics. */
function exportMetrics(api: Api, { list }: Pick<Metrics, 'list'>): void {
  const meter = api.metrics.getMeter('valetkey');
  for (const { name, help, type, read } of list()) {
    const path = name.replace(/^valetkey_/, 'valetkey.').replace(/_total$/, '');
    const options = { description: help };
    const observed =
      type === 'counter' ? meter.createObservableCounter(path, options) : meter.createObservableGauge(path, options);
    observed.addCallback(async (result) => {
      for (const { labels, value } of await read()) result.observe(value, { ...labels });
    });
  }
}

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);
const methodOf = (method: string) => (knownMethods.has(method) ? method : '_OTHER');

interface TracedServer {
  readonly server: FastifyInstance;
  readonly isTrusted: (address: string | undefined) => boolean;
  readonly times: Histogram;
}

function traceRequests(api: Api, { server, isTrusted, times }: TracedServer): void {
  const { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = api;
  const tracer = trace.getTracer('valetkey');
  const contexts = new WeakMap<FastifyRequest, Context>();

  const endWith = (response: ServerResponse, span: Span, labels: Attributes, startedAtMs: number) => {
    const { statusCode, writableFinished } = response;
    const failure = statusCode >= 500 ? String(statusCode) : writableFinished ? undefined : 'aborted';
    const outcome = {
      'http.response.status_code': statusCode,
      ...(failure !== undefined && { 'error.type': failure }),
    };
    span.setAttributes(outcome);
    if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
    times.record((performance.now() - startedAtMs) / 1_000, { ...labels, ...outcome });
  };

  server.addHook('onRequest', (request, reply, done) => {
    const startedAtMs = performance.now();
    const { headers, id, socket } = request;
    const { traceparent, tracestate } = headers;
    const route = request.routeOptions.url?.replaceAll(/:(\w+)/g, '{$1}');
    const method = methodOf(request.method);
    const scheme = 'encrypted' in socket ? 'https' : 'http';
    const labels = { 'http.request.method': method, 'url.scheme': scheme, ...(route && { 'http.route': route }) };
    const parent = isTrusted(socket.remoteAddress)
      ? propagation.extract(ROOT_CONTEXT, { traceparent, tracestate })
      : ROOT_CONTEXT;
    const name = route === undefined ? method : `${method} ${route}`;
    const attributes = { ...labels, 'valetkey.request_id': id };
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
    const current = trace.setSpan(parent, span);
    contexts.set(request, current);
    reply.raw.once('close', () => endWith(reply.raw, span, labels, startedAtMs));
    context.with(current, done);
  });
  server.addHook('onRoute', (options) => {
    const { handler } = options;
    // The events of a body have lost the context of the request, so the handler receives it again.
    options.handler = function (request, reply) {
      return context.with(contexts.get(request) ?? context.active(), () => handler.call(this, request, reply));
    };
  });
}

interface TracedCalls {
  readonly connection: string;
  readonly vendor: string;
  readonly times: Histogram;
  /** Whether the vendor receives the id of the trace. */
  readonly isSent: boolean;
}

function traceCalls(api: Api, { connection, vendor, times, isSent }: TracedCalls): OnCall {
  const { context, propagation, SpanKind, SpanStatusCode, trace } = api;
  const tracer = trace.getTracer('valetkey');
  return ({ method: sent, origin }) => {
    const startedAtMs = performance.now();
    const { hostname, port, protocol } = new URL(origin);
    const method = methodOf(sent);
    const labels = {
      'http.request.method': method,
      'server.address': hostname,
      'server.port': Number(port === '' ? (protocol === 'http:' ? 80 : 443) : port),
      'valetkey.connection': connection,
      'valetkey.vendor': vendor,
    };
    const span = tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes: labels });
    return {
      headers: isSent ? traceparentOf(trace.setSpan(context.active(), span), propagation) : undefined,
      end: (end) => {
        const outcome = attributesOf(end);
        span.setAttributes(outcome);
        if (outcome['error.type'] !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
        times.record((performance.now() - startedAtMs) / 1_000, { ...labels, ...outcome });
      },
    };
  };
}

/** Returns `traceparent` alone: `tracestate` and `baggage` may hold what a program in front of the broker wrote there. */
function traceparentOf(current: Context, propagation: Api['propagation']): Record<string, string> | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(current, carrier);
  return carrier.traceparent === undefined ? undefined : { traceparent: carrier.traceparent };
}

function attributesOf(end: VendorCallEnd): Attributes {
  if (end.status === undefined) return { 'error.type': end.error };
  return {
    'http.response.status_code': end.status,
    ...(end.status >= 400 && { 'error.type': String(end.status) }),
  };
}

/** Returns an observer of calls that informs both of these. */
export function observeTwice(trace: OnCall, time: OnCall): OnCall {
  return (call) => {
    const { headers, end: endSpan } = trace(call);
    const { end: endTime } = time(call);
    const end = (ended: VendorCallEnd): void => {
      endSpan(ended);
      endTime(ended);
    };
    return { headers, end };
  };
}
