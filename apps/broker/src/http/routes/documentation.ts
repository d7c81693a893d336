import { errorTable } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import { describeApi } from '../api-description.ts';
import { errorDocumentationPath } from '../errors/problem.ts';
import { addRoute } from '../server.ts';

/**
 * Adds `GET /`, which says what the service is and where its documentation is, `GET /openapi.json`, `GET /docs` and
 * `GET /docs/errors`, which the `type` of every problem links to.
 */
export function addDocumentationRoutes(server: FastifyInstance, publicUrl: string | undefined): void {
  const description = describeApi(publicUrl);
  const routes = Object.entries(description.paths).map(([path, item]) => [
    code(path),
    Object.keys(item).join(' ').toUpperCase(),
    Object.values(item)[0]?.summary ?? '',
  ]);
  const errors = Object.entries(errorTable).map(([name, { status, title, retryable, remediation }]) => [
    `<a id="${name}"></a>${code(name)}`,
    String(status),
    title,
    retryable ? 'later' : 'no',
    remediation.replaceAll(/`([^`]+)`/g, code('$1')),
  ]);
  const links = `<p><a href="/openapi.json">OpenAPI</a> · <a href="${errorDocumentationPath}">Errors</a></p>`;
  const routesPage = page('Valet Key', `${links}\n${table(['path', 'methods', 'does'], routes)}`);
  const errorsPage = page('Errors of Valet Key', table(['code', 'status', 'title', 'retry', 'what to do'], errors));
  const { title: name, description: purpose } = description.info;
  const front = { name, description: purpose, docs: '/docs', openapi: '/openapi.json' };
  const documents = [
    ['/', 'application/json; charset=utf-8', JSON.stringify(front)],
    ['/docs', 'text/html; charset=utf-8', routesPage],
    [errorDocumentationPath, 'text/html; charset=utf-8', errorsPage],
    ['/openapi.json', 'application/json; charset=utf-8', JSON.stringify(description)],
  ] as const;
  for (const [path, type, text] of documents) {
    // Encoded only once, because any client may request these documents without limit.
    const bytes = Buffer.from(text);
    addRoute(server, path, { GET: async (_request, reply) => reply.type(type).send(bytes) });
  }
}

const code = (text: string): string => `<code>${text}</code>`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  return `<table>${line(head, 'th')}\n${rows.map((row) => line(row, 'td')).join('\n')}\n</table>`;
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${title}</title>
<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:60rem;padding:0 1rem}td,th{text-align:left;padding:.4rem .8rem;vertical-align:top}tr:has(:target){background:#fff3c4}</style>
<h1>${title}</h1>
${body}
</html>
`;
}
