import type { IncomingHttpHeaders } from 'node:http';
import { createRequire } from 'node:module';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox } from '@valetkey/sandbox';
import { Agent, request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { createCertificateAuthority, hasOpenssl } from '../support/certificate-authority.ts';
import { startOtlpCollector } from '../support/otlp-collector.ts';
import { startValetkey } from '../support/valetkey-process.ts';
import { startWrittenVendor } from '../support/written-vendor.ts';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const [, traceId, parentId] = traceparent.split('-');
/** The kinds of spans in OTLP. */
const [serverKind, clientKind] = [2, 3];

const adminToken = 'canary-admin-token-of-the-test-of-traces';
const apiKeys = { quiet: 'canary-key-of-quiet', told: 'canary-key-of-told' };

/**
 * Runs a broker process that sends what it observes to a collector. It has two connections to Nudge, `quiet` and `told`, whose
 * calls pass a server that keeps the headers.
 */
async function startTracedBroker(fields: object, environment: Readonly<Record<string, string>> = {}) {
  await using resources = new AsyncDisposableStack();
  const sandbox = resources.use(await createSandbox());
  sandbox.nudge.setApiKeys(Object.values(apiKeys));
  const calls: IncomingHttpHeaders[] = [];
  const vendor = resources.use(
    await startWrittenVendor((response, { url = '', headers }) => {
      calls.push(headers);
      void fetch(sandbox.urls.nudge + url, { headers: { apikey: String(headers['apikey']) } })
        .then(async (forwarded) => response.writeHead(forwarded.status).end(await forwarded.text()))
        .catch(() => response.destroy());
    }),
  );
  const collector = resources.use(await startOtlpCollector());
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-otel-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const config = {
    listen: { port: 0 },
    admin: { port: 0, token: adminToken },
    store: { sqlite: ':memory:' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: Object.fromEntries(
      Object.entries(apiKeys).map(([name, apiKey]) => [
        name,
        { vendor: 'nudge', baseUrl: vendor.url, apiKey, timeoutMs: 120_000 },
      ]),
    ),
    ...fields,
  };
  await writeFile(join(folder, 'valetkey.json'), JSON.stringify(config));
  const broker = resources.use(
    startValetkey(['start', '--config', 'valetkey.json'], folder, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      ...environment,
    }),
  );
  const [, brokerUrl = '', adminUrl = ''] = await broker.waitForOutput(/listens on (\S+),\s+for operators on (\S+)\./);
  const token = await sandbox.mintUserToken({ sub: 'alice-canary' });
  const held = resources.move();
  return {
    brokerUrl,
    collector,
    token,
    calls,
    output: broker.output,
    issue: async (connection: string, headers: Readonly<Record<string, string>> = {}) => {
      const response = await fetch(`${brokerUrl}/v1/vendors/${connection}/token`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        body: '{}',
      });
      return { status: response.status, id: response.headers.get('x-request-id'), text: await response.text() };
    },
    /** Returns the decisions of the audit, oldest first. */
    listDecisions: async () => {
      const response = await fetch(`${adminUrl}/v1/decisions`, { headers: { authorization: `Bearer ${adminToken}` } });
      expect(response.status).toBe(200);
      const { decisions } = (await response.json()) as { decisions: Readonly<Record<string, unknown>>[] };
      return decisions.toReversed();
    },
    /** Ends the broker, which then sends what it has not sent yet. */
    stop: async () => {
      broker.signal('SIGTERM');
      expect(await broker.exitCode).toBe(0);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

test('a request has a server span, its vendor calls have client spans, and the log and the decision name the trace', async () => {
  await using broker = await startTracedBroker({ telemetry: { openTelemetry: {} } });
  const { status, id, text } = await broker.issue('quiet', { traceparent });
  expect(status, text).toBe(200);
  expect((await broker.issue('unknown')).status).toBe(404);
  const decisions = await broker.listDecisions();
  await broker.stop();

  const spans = broker.collector.spans();
  const [server, refused] = spans.filter(({ kind }) => kind === serverKind);
  expect(server).toMatchObject({
    name: 'POST /v1/vendors/{connection}/token',
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/v1/vendors/{connection}/token',
      'http.response.status_code': 200,
      'url.scheme': 'http',
      'valetkey.request_id': id,
    },
    resource: { 'service.name': 'valetkey' },
  });
  expect(refused).toMatchObject({ attributes: { 'http.response.status_code': 404 } });
  expect(server?.traceId).not.toBe(refused?.traceId);
  expect(decisions).toMatchObject([
    { outcome: 'allowed', request_id: id, trace_id: server?.traceId },
    { outcome: 'unknown_vendor', trace_id: refused?.traceId },
  ]);
  // The client is no trusted proxy, so its header does not decide the trace.
  expect(server?.traceId).not.toBe(traceId);
  expect(spans.filter(({ kind }) => kind === clientKind)).toMatchObject([
    {
      name: 'GET',
      traceId: server?.traceId,
      parentSpanId: server?.spanId,
      attributes: {
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'server.address': '127.0.0.1',
        'valetkey.connection': 'quiet',
        'valetkey.vendor': 'nudge',
      },
    },
  ]);
  const lines = broker
    .output()
    .split('\n')
    .filter((line) => line.includes(`"requestId":"${id}"`));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ trace_id: server?.traceId });
  for (const secret of ['canary', broker.token, (JSON.parse(text) as { token: string }).token]) {
    expect(broker.collector.received()).not.toContain(secret);
  }
});

test.skipIf(!hasOpenssl)('the span of a request over https has this scheme', async () => {
  await using authority = await createCertificateAuthority();
  const listen = { port: 0, tls: await authority.issue('localhost') };
  await using broker = await startTracedBroker({ telemetry: { openTelemetry: {} }, listen });
  const dispatcher = new Agent({ connect: { ca: authority.ca, servername: 'localhost' } });
  const { statusCode, body } = await request(`${broker.brokerUrl}/v1/session`, { dispatcher });
  await body.dump();
  await dispatcher.destroy();
  expect(statusCode).toBe(401);
  await broker.stop();
  const server = broker.collector.spans().find(({ kind }) => kind === serverKind);
  expect(server).toMatchObject({ name: 'GET /v1/session', attributes: { 'url.scheme': 'https' } });
});

test('the collector receives the times of requests and calls by their usual names, and the counters of the broker', async () => {
  await using broker = await startTracedBroker({ telemetry: { openTelemetry: {} } }, { OTEL_SERVICE_NAME: 'tokens' });
  expect((await broker.issue('quiet')).status).toBe(200);
  await broker.stop();
  const { collector } = broker;
  const points = (name: string) => collector.metrics().find((metric) => metric.name === name)?.points;
  expect(points('http.server.request.duration')).toMatchObject([
    { attributes: { 'http.route': '/v1/vendors/{connection}/token', 'http.response.status_code': 200 }, value: 1 },
  ]);
  expect(points('http.client.request.duration')).toMatchObject([
    { attributes: { 'valetkey.connection': 'quiet' }, value: 1 },
  ]);
  expect(points('valetkey.decisions')).toMatchObject([
    { attributes: { operation: 'issue', connection: 'quiet', outcome: 'allowed' }, value: 1 },
  ]);
  expect(points('valetkey.requests_under_way')).toHaveLength(2);
  expect(collector.spans()[0]).toMatchObject({ resource: { 'service.name': 'tokens' } });
  expect(broker.output()).not.toContain('store is unusable');
});

test('a request of a trusted proxy continues its trace, and only the named connections pass it on', async () => {
  await using broker = await startTracedBroker({
    listen: { port: 0, trustedProxies: ['127.0.0.1'] },
    telemetry: { openTelemetry: { continueTraces: true, sendTo: ['told'] } },
  });
  for (const connection of ['quiet', 'told']) {
    const { status, text } = await broker.issue(connection, { traceparent, tracestate: 'a=b', baggage: 'c=d' });
    expect(status, text).toBe(200);
  }
  await broker.stop();
  const spans = broker.collector.spans();
  expect(spans.filter(({ kind }) => kind === serverKind).map((span) => [span.traceId, span.parentSpanId])).toEqual([
    [traceId, parentId],
    [traceId, parentId],
  ]);
  const client = spans.find(({ attributes }) => attributes['valetkey.connection'] === 'told');
  const sent = broker.calls.map(({ apikey, traceparent: own, tracestate, baggage }) => [
    apikey,
    own,
    tracestate,
    baggage,
  ]);
  expect(sent).toEqual([
    [apiKeys.quiet, undefined, undefined, undefined],
    [apiKeys.told, `00-${traceId}-${client?.spanId}-01`, undefined, undefined],
  ]);
});

test('a collector that cannot be reached changes no response, and does not keep the broker from ending', async () => {
  await using broker = await startTracedBroker(
    { telemetry: { openTelemetry: {} } },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', NODE_DEBUG: 'module' },
  );
  expect((await broker.issue('quiet')).status).toBe(200);
  await broker.stop();
  expect(broker.collector.received()).toBe('');
  // Shows that the next test would see a package that is loaded.
  expect(broker.output()).toContain('sdk-node');
});

test('a broker without `telemetry` sends nothing, whatever the environment says, and loads no package of OpenTelemetry', async () => {
  await using broker = await startTracedBroker({}, { NODE_DEBUG: 'module' });
  expect((await broker.issue('quiet', { traceparent })).status).toBe(200);
  const [decision] = await broker.listDecisions();
  expect(decision).toMatchObject({ outcome: 'allowed' });
  expect(decision).not.toHaveProperty('trace_id');
  await broker.stop();
  expect(broker.collector.received()).toBe('');
  expect(broker.calls[0]).not.toHaveProperty('traceparent');
  expect(broker.output()).not.toContain('sdk-node');
});

test('an SDK that a preloaded program has started is used, and no second one is started', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-preload-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const preload = join(folder, 'start.cjs');
  const sdk = createRequire(import.meta.url).resolve('@opentelemetry/sdk-node');
  await writeFile(
    preload,
    `const { NodeSDK } = require(${JSON.stringify(sdk)});
     const sdk = new NodeSDK({ serviceName: 'preloaded', instrumentations: [] });
     sdk.start();
     process.once('beforeExit', () => sdk.shutdown());`,
  );
  await using broker = await startTracedBroker(
    { telemetry: { openTelemetry: {} } },
    { NODE_OPTIONS: `--require ${preload}`, OTEL_BSP_SCHEDULE_DELAY: '10', OTEL_METRICS_EXPORTER: 'none' },
  );
  expect((await broker.issue('quiet')).status).toBe(200);
  await expect.poll(() => broker.collector.spans().length, { interval: 10, timeout: 60_000 }).toBeGreaterThan(1);
  await broker.stop();
  const names = broker.collector.spans().map(({ resource }) => resource['service.name']);
  expect(new Set(names)).toEqual(new Set(['preloaded']));
});
