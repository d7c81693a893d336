import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: number | string;
}

type OtlpAttributes = readonly { readonly key: string; readonly value: OtlpValue }[];

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 2: server. 3: client. */
  readonly kind: number;
  readonly attributes: OtlpAttributes;
  readonly status: { readonly code?: number };
}

interface OtlpMetric {
  readonly name: string;
  readonly gauge?: { readonly dataPoints: readonly OtlpPoint[] };
  readonly sum?: { readonly dataPoints: readonly OtlpPoint[] };
  readonly histogram?: { readonly dataPoints: readonly OtlpPoint[] };
}

interface OtlpPoint {
  readonly attributes: OtlpAttributes;
  readonly asInt?: number | string;
  readonly asDouble?: number;
  readonly count?: number | string;
}

interface OtlpTraces {
  readonly resourceSpans?: readonly {
    readonly resource: { readonly attributes: OtlpAttributes };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

interface OtlpMetrics {
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
  }[];
}

const toObject = (attributes: OtlpAttributes) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]));

/** Starts a collector that accepts OTLP over HTTP as JSON, and keeps what it receives. */
export async function startOtlpCollector() {
  const bodies: { readonly path: string; readonly body: string }[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      bodies.push({ path: request.url ?? '', body: await text(request) });
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    })().catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const parse = <Body>(path: string) =>
    bodies.filter((received) => received.path === path).map(({ body }) => JSON.parse(body) as Body);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Everything received, as text. */
    received: () => bodies.map(({ body }) => body).join('\n'),
    spans: () =>
      parse<OtlpTraces>('/v1/traces').flatMap(({ resourceSpans = [] }) =>
        resourceSpans.flatMap(({ resource, scopeSpans }) =>
          scopeSpans.flatMap(({ spans }) =>
            spans.map(({ attributes, ...span }) => ({
              ...span,
              attributes: toObject(attributes),
              resource: toObject(resource.attributes),
            })),
          ),
        ),
      ),
    metrics: () =>
      parse<OtlpMetrics>('/v1/metrics').flatMap(({ resourceMetrics = [] }) =>
        resourceMetrics.flatMap(({ scopeMetrics }) =>
          scopeMetrics.flatMap(({ metrics }) =>
            metrics.map(({ name, gauge, sum, histogram }) => ({
              name,
              points: (gauge ?? sum ?? histogram)?.dataPoints.map(({ attributes, asInt, asDouble, count }) => ({
                attributes: toObject(attributes),
                value: Number(asInt ?? asDouble ?? count),
              })),
            })),
          ),
        ),
      ),
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
