import { errorTable } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
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
}
