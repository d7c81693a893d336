import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics.ts';
import { addRoute } from './server.ts';

/** Whether the broker can work; each part is `ok` or a word for what is wrong. */
export interface Readiness {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, string>>;
}

/** `GET|HEAD /healthz`: the process answers. `GET|HEAD /readyz`: it can do its work. */
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

/** `GET /metrics`: what was counted, for Prometheus. It names vendors and issuers and no person. */
export function addMetricsRoute(server: FastifyInstance, { render, contentType }: Metrics): void {
  addRoute(server, '/metrics', { GET: async (_request, reply) => reply.type(contentType).send(await render()) });
}
