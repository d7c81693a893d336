import { errorDocumentationPath } from './errors/problem.ts';

interface DescribedError {
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
  readonly remediation: string;
}

type DescribedPath = Readonly<Record<string, { readonly summary: string }>>;

/** Returns the HTML page that lists these routes. `paths` are those of the API description. */
export function createRoutesPage(paths: Readonly<Record<string, DescribedPath>>): string {
  const rows = Object.entries(paths).map(([path, item]) => [
    `<td>${code(path)}</td>`,
    cell(Object.keys(item).join(' ').toUpperCase()),
    cell(Object.values(item)[0]?.summary ?? ''),
  ]);
  const links = `<p><a href="/openapi.json">OpenAPI</a> · <a href="${errorDocumentationPath}">Errors</a></p>`;
  return page('Valet Key', `${links}\n${table(['path', 'methods', 'does'], rows)}`);
}

/** Returns the HTML page that lists these errors. The name of each is an anchor. */
export function createErrorsPage(errors: Readonly<Record<string, DescribedError>>): string {
  const rows = Object.entries(errors).map(([name, { status, title, retryable, remediation }]) => [
    `<td id="${escape(name)}">${code(name)}</td>`,
    cell(String(status)),
    cell(title),
    cell(retryable ? 'later' : 'no'),
    cell(remediation),
  ]);
  const hint = `<p>The page ${code('docs/troubleshooting.md')} of Valet Key lists the usual causes by the words of <code>detail</code>. ${code('valetkey explain --connection <name>')} tells the operator why a token is refused.</p>`;
  return page('Errors of Valet Key', `${hint}\n${table(['code', 'status', 'title', 'retry', 'what to do'], rows)}`);
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}

const code = (text: string): string => `<code>${escape(text)}</code>`;

/** Returns a table cell of a text in which backticks mark code. */
const cell = (text: string): string => `<td>${escape(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')}</td>`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `<tr>${cells.join('')}</tr>`;
  return `<table>${line(head.map((title) => `<th>${title}</th>`))}\n${rows.map(line).join('\n')}\n</table>`;
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
