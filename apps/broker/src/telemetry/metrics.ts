import type { Clock, ValetKeyError, VendorCallEnd, VendorCallObserver } from '@valetkey/core-types';
import type { JwtVerifierEvent } from '@valetkey/jwt-verify';
import type { TokenCacheEvent } from '@valetkey/token-cache';
import type { FastifyInstance, RouteOptions } from 'fastify';
import type { ServerResponse } from 'node:http';
import { collectDefaultMetrics, Counter, Registry, type Metric } from 'prom-client';
import { createConfigMetrics, type ConfigMetrics } from './config-metrics.ts';
import { addGauge, listMetrics, type GaugeSource, type ListedMetric } from './gauge-source.ts';

/** The metrics that Prometheus collects from the admin listener. */
export interface Metrics extends ConfigMetrics {
  readonly countDecision: (decision: CountedDecision) => void;
  readonly countError: (error: ValetKeyError) => void;
  readonly countVendorEvent: (event: CountedVendorEvent) => void;
  readonly countIdentityEvent: (event: JwtVerifierEvent) => void;
  readonly countTokenEvent: (event: TokenCacheEvent) => void;
  readonly countStoreFailure: (store: 'database' | 'redis', reason: string) => void;
  /** Returns where the times of the requests with these labels are added. */
  readonly timesOfRequests: (labels: RequestLabels) => Times;
  /** Returns where the times of the calls of one connection to its vendor are added. */
  readonly timesOfVendorCalls: (labels: VendorLabels) => Times;
  /** The number of requests under way. */
  readonly requestsUnderWay: Record<Listener, number>;
  /** Adds the time of a transaction of the audit. */
  readonly timeCommit: (outcome: 'succeeded' | 'failed', seconds: number) => void;
  /** Adds a gauge that is read when Prometheus collects the metrics. */
  readonly addGauge: <Label extends string = never>(gauge: GaugeSource<Label>) => void;
  /** Returns the counters and gauges of the broker, without those of Node. */
  readonly list: () => readonly ListedMetric[];
  /** Returns everything counted so far, in the Prometheus text format. */
  readonly render: () => Promise<string>;
  readonly contentType: string;
}

/** The listener that apps reach, or the one of operators. */
type Listener = 'app' | 'admin';

interface RequestLabels {
  readonly route: string;
  /** Empty for a route without a connection, and `unknown` for a connection that is not configured. */
  readonly connection: string;
}

interface VendorLabels {
  readonly connection: string;
  readonly vendor: string;
}

interface CountedDecision {
  readonly operation: string;
  /** Absent for a decision about every connection. */
  readonly connection?: string | undefined;
  /** Absent where no connection has this name. */
  readonly vendor?: string | undefined;
  readonly outcome: string;
}

interface CountedVendorEvent extends VendorLabels {
  readonly type: string;
}

/** The upper bounds of the buckets of every histogram, in seconds. */
const bucketBounds = Float64Array.of(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30);
const lastBucket = bucketBounds.length;
/** Of each outcome: the number of times in each bucket, the number above all bounds, and the sum of all in seconds. */
const rowLength = bucketBounds.length + 2;

/**
 * How a request ends. `refused` is a status 4xx, and `failed` a status 5xx or no response. `aborted`: the sender did not wait
 * for the whole response, or the response was cut off.
 */
const outcomes = { succeeded: 0, refused: 1, failed: 2, aborted: 3, timeout: 4 } as const;
type Outcome = keyof typeof outcomes;

/** The times of what has the same labels, by outcome. To add one allocates nothing: a request adds one to several of these. */
export class Times {
  readonly labels: Readonly<Record<string, string>>;
  readonly #counts = new Float64Array(Object.keys(outcomes).length * rowLength);

  constructor(labels: Readonly<Record<string, string>>) {
    this.labels = labels;
  }

  add(outcome: Outcome, seconds: number): void {
    const row = outcomes[outcome] * rowLength;
    const counts = this.#counts;
    let bucket = 0;
    // Most times are in one of the first buckets.
    while (bucket < lastBucket && seconds > (bucketBounds[bucket] ?? 0)) bucket += 1;
    counts[row + bucket] = (counts[row + bucket] ?? 0) + 1;
    counts[row + lastBucket + 1] = (counts[row + lastBucket + 1] ?? 0) + seconds;
  }

  /** Returns the samples of the outcomes that occurred. */
  *samples(name: string): Iterable<Sample> {
    for (const [outcome, index] of Object.entries(outcomes)) {
      const row = this.#counts.subarray(index * rowLength, (index + 1) * rowLength);
      const labels = { ...this.labels, outcome };
      let count = 0;
      const buckets: Sample[] = [];
      for (let bucket = 0; bucket <= lastBucket; bucket += 1) {
        count += row[bucket] ?? 0;
        const le = bucket === lastBucket ? '+Inf' : String(bucketBounds[bucket]);
        buckets.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
      }
      if (count === 0) continue;
      yield* buckets;
      yield { metricName: `${name}_sum`, labels, value: row[lastBucket + 1] ?? 0 };
      yield { metricName: `${name}_count`, labels, value: count };
    }
  }
}

/** Returns how a request ended whose response has this status. */
function outcomeOfStatus(status: number): Outcome {
  if (status < 400) return 'succeeded';
  return status < 500 ? 'refused' : 'failed';
}

/** Returns how a call to a vendor ended. */
function outcomeOfCall(end: VendorCallEnd): Outcome {
  if (end.status !== undefined) return outcomeOfStatus(end.status);
  if (end.error === 'aborted') return 'aborted';
  return end.error === 'vendor_timeout' ? 'timeout' : 'failed';
}

/** One line of the Prometheus text format. */
interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Adds a histogram to the registry, and returns where the times with some labels are added. */
function createHistogram(registry: Registry, name: string, help: string) {
  const times = new Map<string, Times>();
  const histogram = {
    name,
    get: async () => ({
      name,
      help,
      type: 'histogram',
      values: [...times.values()].flatMap((some) => [...some.samples(name)]),
    }),
  };
  // The registry reads a metric by these two fields alone. prom-client's own histograms cost more for each time that is added.
  registry.registerMetric(histogram as unknown as Metric);
  return (labels: Readonly<Record<string, string>>): Times => {
    const key = JSON.stringify(labels);
    const known = times.get(key) ?? new Times(labels);
    times.set(key, known);
    return known;
  };
}

/**
 * Creates metrics that start at zero. A connection that is not configured is counted as `unknown`, so that callers cannot
 * create labels. A decision about every connection has empty labels.
 */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: `valetkey_${name}_total`, help, labelNames, registers: [registry] });
  const histogram = (name: string, help: string) => createHistogram(registry, `valetkey_${name}_seconds`, help);

  const target = ['connection', 'vendor'] as const;
  const decisions = counter('decisions', 'Decisions, by outcome.', ['operation', ...target, 'outcome']);
  const problems = counter('problems', 'Failed requests, by error code and reason.', ['code', 'reason']);
  const vendorEvents = counter('vendor_events', 'Events of vendors: retries, circuit changes and switched secrets.', [
    ...target,
    'type',
  ]);
  const keyFetches = counter('identity_key_fetches', "Fetches of an identity provider's keys.", ['issuer', 'outcome']);
  const tokenEvents = counter(
    'token_cache_events',
    'Events of the token cache, which holds server tokens and account-bound client tokens, and of its Redis store.',
    [...target, 'type'],
  );
  const storeFailures = counter('store_failures', 'Failed calls to the database and to Redis, by reason.', [
    'store',
    'reason',
  ]);
  const requestTimes = histogram('request_duration', 'Time from the head of a request to the end of its response.');
  const vendorTimes = histogram(
    'vendor_call_duration',
    'Time of each HTTP request to a vendor, until its response is read. Of a proxied call, until the head has arrived.',
  );
  const requestsUnderWay = addRequestsUnderWay(registry);
  const commitTimes = histogram('audit_commit_duration', 'Time in which the store commits a transaction of the audit.');
  const commits = commitTimes({});

  return {
    ...createConfigMetrics(registry),
    countDecision: ({ operation, connection = '', vendor, outcome }) => {
      const isUnknown = vendor === undefined && connection !== '';
      const target = isUnknown ? { connection: 'unknown', vendor: 'unknown' } : { connection, vendor: vendor ?? '' };
      decisions.inc({ operation, ...target, outcome });
    },
    countError: ({ code, reason = '' }) => problems.inc({ code, reason }),
    countVendorEvent: ({ connection, vendor, type }) => vendorEvents.inc({ connection, vendor, type }),
    countIdentityEvent: ({ issuer, type }) => {
      if (type === 'keys_fetched') keyFetches.inc({ issuer, outcome: 'succeeded' });
      if (type === 'keys_fetch_failed') keyFetches.inc({ issuer, outcome: 'failed' });
    },
    countTokenEvent: (event) => {
      const { vendor = '', connection = vendor } = 'key' in event ? event.key : {};
      tokenEvents.inc({ connection, vendor, type: event.type });
    },
    countStoreFailure: (store, reason) => storeFailures.inc({ store, reason }),
    timesOfRequests: ({ route, connection }) => requestTimes({ route, connection }),
    timesOfVendorCalls: ({ connection, vendor }) => vendorTimes({ connection, vendor }),
    requestsUnderWay,
    timeCommit: (outcome, seconds) => commits.add(outcome, seconds),
    addGauge: (source) => addGauge(registry, source),
    list: () => listMetrics(registry),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function addRequestsUnderWay(registry: Registry): Record<Listener, number> {
  const requestsUnderWay = { app: 0, admin: 0 };
  addGauge(registry, {
    name: 'requests_under_way',
    help: 'Requests whose response is not sent yet.',
    labelNames: ['listener'],
    read: () => Object.entries(requestsUnderWay).map(([listener, count]) => [{ listener }, count]),
  });
  return requestsUnderWay;
}

interface RequestTimesOptions {
  readonly listener: Listener;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Returns whether a connection of this name is configured. */
  readonly isConnection: (name: string) => boolean;
}

/** A response, and where its time is added. */
type TimedResponse = ServerResponse & { times?: Times };

/** Adds the time of each request to the metrics. It must be called before the server has routes. */
export function timeRequests(
  server: FastifyInstance,
  { listener, metrics, clock, isConnection }: RequestTimesOptions,
): void {
  const { requestsUnderWay } = metrics;
  const unrouted = metrics.timesOfRequests({ route: 'none', connection: '' });
  // The first listener, because Fastify's own begins to work on the request.
  server.server.prependListener('request', (_request, response: TimedResponse) => {
    const startedAtMs = clock.monotonicMs();
    requestsUnderWay[listener] += 1;
    response.on('close', () => {
      requestsUnderWay[listener] -= 1;
      const outcome = response.writableFinished ? outcomeOfStatus(response.statusCode) : 'aborted';
      (response.times ?? unrouted).add(outcome, (clock.monotonicMs() - startedAtMs) / 1_000);
    });
  });
  server.addHook('onRoute', (options: RouteOptions) => {
    const route = options.url.replaceAll(/:(\w+)/g, '{$1}');
    const times = new Map<string, Times>();
    const timesOf = (connection: string): Times => {
      const known = times.get(connection);
      if (known !== undefined) return known;
      const isCounted = connection === '' || isConnection(connection);
      const created = metrics.timesOfRequests({ route, connection: isCounted ? connection : 'unknown' });
      if (isCounted) times.set(connection, created);
      return created;
    };
    options.onRequest = [
      ({ params }, { raw }, done) => {
        (raw as TimedResponse).times = timesOf((params as { connection?: string }).connection ?? '');
        done();
      },
      ...[options.onRequest ?? []].flat(),
    ];
  });
}

/** Returns what adds the time of each call of one connection to the metrics. */
export function timeVendorCalls(
  labels: VendorLabels,
  { metrics, clock }: Pick<RequestTimesOptions, 'metrics' | 'clock'>,
): () => VendorCallObserver {
  const times = metrics.timesOfVendorCalls(labels);
  return () => {
    const startedAtMs = clock.monotonicMs();
    return { end: (end) => times.add(outcomeOfCall(end), (clock.monotonicMs() - startedAtMs) / 1_000) };
  };
}
