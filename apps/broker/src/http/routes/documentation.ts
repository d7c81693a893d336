import { errorTable } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import { describeAdminApi } from '../admin-api-description.ts';
import { describeApi } from '../api-description.ts';
import { createErrorsPage, createRoutesPage } from '../documentation-pages.ts';
import { errorDocumentationPath } from '../errors/problem.ts';
import { addRoute } from '../server.ts';

/**
 * Adds `GET /`, which returns the name and the purpose of the service and the paths of its documentation, `GET /openapi.json`, `GET /docs` and
 * `GET /docs/errors`, which the `type` of every problem links to.
 */
export function addDocumentationRoutes(server: FastifyInstance, publicUrl: string | undefined): void {
  const description = describeApi(publicUrl);
  const { title: name, description: purpose } = description.info;
  const front = { name, description: purpose, docs: '/docs', openapi: '/openapi.json' };
  const documents = [
    ['/', 'application/json; charset=utf-8', JSON.stringify(front)],
    ['/docs', 'text/html; charset=utf-8', createRoutesPage(description.paths)],
    [errorDocumentationPath, 'text/html; charset=utf-8', createErrorsPage(errorTable)],
    ['/openapi.json', 'application/json; charset=utf-8', JSON.stringify(description)],
  ] as const;
  for (const [path, type, text] of documents) {
    // Encoded only once, because any client may request these documents without limit.
    const bytes = Buffer.from(text);
    addRoute(server, path, { GET: async (_request, reply) => reply.type(type).send(bytes) });
  }
  addNoIcon(server);
}

/** Adds `GET /` and `GET /openapi.json` of the listener for operators, and no icon. `hasAdminApi`: whether the configuration has an admin token or operators. */
export function addAdminFrontRoutes(server: FastifyInstance, hasAdminApi: boolean): void {
  const routes = ['/healthz', '/readyz', '/metrics', '/openapi.json', ...(hasAdminApi ? adminApiRoutes : [])];
  const front = { name: 'Valet Key, for operators', routes, adminApi: hasAdminApi };
  const description = Buffer.from(JSON.stringify(describeAdminApi()));
  addRoute(server, '/', { GET: async () => front });
  addRoute(server, '/openapi.json', {
    GET: async (_request, reply) => reply.type('application/json; charset=utf-8').send(description),
  });
  addNoIcon(server);
}

const adminApiRoutes = ['/v1/vendor-users', '/v1/blocked-users', '/v1/decisions'];

/** Browsers request an icon beside every page. */
function addNoIcon(server: FastifyInstance): void {
  addRoute(server, '/favicon.ico', { GET: async (_request, reply) => reply.status(204).send() });
}
