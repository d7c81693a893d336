import { errorTable } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics.ts';
import { errorDocumentationPath } from './problem.ts';
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

/** `GET /docs/errors`: the page that the `type` of every problem leads to, made of the error table itself. */
export function addErrorDocumentation(server: FastifyInstance): void {
  const rows = Object.entries(errorTable).map(
    ([code, { status, title, retryable, remediation }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td><td>${retryable ? 'later' : 'no'}</td><td>${remediation}</td></tr>`,
  );
  const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Errors of Valet Key</title>
<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:60rem;padding:0 1rem}td,th{text-align:left;padding:.4rem .8rem;vertical-align:top}tr:target{background:#fff3c4}</style>
<h1>Errors of Valet Key</h1>
<table><tr><th>code</th><th>status</th><th>title</th><th>try again</th><th>what to do</th></tr>
${rows.join('\n')}
</table></html>
`;
  addRoute(server, errorDocumentationPath, {
    GET: async (_request, reply) => reply.type('text/html; charset=utf-8').send(page),
  });
}
