import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Readiness } from '../../telemetry/readiness.ts';
import { addRoute } from '../server.ts';

/** Returns whether a request is for one of the paths of {@link addHealthRoutes}. */
export function isForHealth({ url = '' }: IncomingMessage): boolean {
  return /^\/(?:healthz|readyz)(?:\?|$)/.test(url);
}

/** Adds `GET|HEAD /healthz`, which always responds 200, and `GET|HEAD /readyz`, which responds 503 while the broker is not ready. */
export function addHealthRoutes(server: FastifyInstance, readiness: () => Promise<Readiness>): void {
  const health = async () => ({ status: 'ok' });
  addRoute(server, '/healthz', { GET: health, HEAD: health });
  addRoute(server, '/readyz', {
    GET: async (_request, reply) => {
      const { ready, parts } = await readiness();
      return reply.status(ready ? 200 : 503).send({ status: ready ? 'ok' : 'unavailable', ...parts });
    },
    HEAD: async (_request, reply) => {
      const { ready } = await readiness();
      return reply.status(ready ? 200 : 503).send();
    },
  });
}

/** Adds `GET /metrics` in the Prometheus text format. Its labels contain connections and issuers, but no principals. */
export function addMetricsRoute(server: FastifyInstance, { render, contentType }: Metrics): void {
  addRoute(server, '/metrics', { GET: async (_request, reply) => reply.type(contentType).send(await render()) });
}
