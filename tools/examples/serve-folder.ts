import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

/** A web server on an origin of its own. */
export interface FolderServer {
  readonly origin: string;
  readonly close: () => void;
}

const contentTypes: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

/**
 * Serves the files of a folder, and its `index.html` for each path that is no file, as hosts of single-page apps do. Replaces
 * the keys of `texts` by their values.
 */
export async function serveFolder(folder: string, texts: Readonly<Record<string, string>> = {}): Promise<FolderServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://page');
    const requested = join(folder, decodeURIComponent(pathname));
    const isFile = statSync(requested, { throwIfNoEntry: false })?.isFile() === true;
    const file = isFile ? requested : join(folder, 'index.html');
    response.setHeader('content-type', contentTypes[extname(file)] ?? 'application/octet-stream');
    let content = readFileSync(file, 'utf8');
    for (const [text, replacement] of Object.entries(texts)) content = content.replaceAll(text, replacement);
    response.end(content);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => void server.close() };
}
