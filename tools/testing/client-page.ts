import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { chromium } from 'playwright-core';

const client = new URL('../../apps/client-sdk/src/', import.meta.url);
const loginLibrary = createRequire(new URL('../package.json', client)).resolve('oauth4webapi');

const html = `<!doctype html><link rel="icon" href="data:,">
<script type="importmap">{ "imports": { "oauth4webapi": "/oauth4webapi.js" } }</script>`;

/** Serves an empty page on an origin of its own, with the client's modules without their types. */
export async function servePage() {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname.slice(1);
    const script = { 'content-type': 'text/javascript' };
    if (path === '') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(html);
    } else if (path === 'oauth4webapi.js') {
      response.writeHead(200, script).end(readFileSync(loginLibrary));
    } else if (/^[\w/-]+\.ts$/.test(path)) {
      response.writeHead(200, script).end(stripTypeScriptTypes(readFileSync(new URL(path, client), 'utf8')));
    } else {
      response.writeHead(404).end();
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => void server.close() };
}

const executablePath = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
);

/** Returns whether a browser is installed. With `CI` set, it throws if there is none. */
export function hasChromium(): boolean {
  if (executablePath !== undefined) return true;
  const message = 'Chromium is not installed, and the variable CHROMIUM names no browser.';
  if (process.env['CI'] !== undefined) throw new Error(message);
  process.stderr.write(`\n*** ${message} The tests of the client SDK in a browser are skipped. ***\n`);
  return false;
}

export function launchChromium(furtherArguments: readonly string[] = []) {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
  return chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    args: [...args, '--disable-component-update', '--disable-sync', ...furtherArguments],
  });
}
