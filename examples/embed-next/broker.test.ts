import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { createSandbox } from '@valetkey/sandbox';

const startSandbox = () => createSandbox();
const folder = mkdtempSync(join(tmpdir(), 'valetkey-embed-next-'));
let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let server: ChildProcess;
let origin: string;

before(async () => {
  sandbox = await startSandbox();
  // A configuration file must not have the credentials of the sandbox, which are public.
  sandbox.nudge.setApiKeys(['example-nudge-key']);
  sandbox.nymbl.setApiKeys(['example-nymbl-key']);
  sandbox.nymbl.setClientIds(['example-nymbl-client']);
  sandbox.nymbl.setClientSecrets(['example-nymbl-secret']);
  const nudge = { ...sandbox.connections.nudge, apiKey: 'example-nudge-key' };
  const nymbl = {
    ...sandbox.connections.nymbl,
    apiKey: 'example-nymbl-key',
    clientId: 'example-nymbl-client',
    clientSecret: 'example-nymbl-secret',
  };
  const config = join(folder, 'valetkey.json');
  const store = { sqlite: join(folder, 'store.sqlite') };
  writeFileSync(config, JSON.stringify({ issuers: sandbox.issuers, store, vendors: { nudge, nymbl } }), {
    mode: 0o600,
  });
  const next = join(import.meta.dirname, 'node_modules/next/dist/bin/next');
  server = spawn(process.execPath, [next, 'start', '--hostname', '127.0.0.1', '--port', '0'], {
    cwd: import.meta.dirname,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', VALETKEY_CONFIG: config },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  origin = await readOrigin(server);
});

after(async () => {
  if (server.kill()) await once(server, 'exit');
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

/** Resolves with the address that the server prints when it is ready. */
async function readOrigin({ stdout }: ChildProcess): Promise<string> {
  assert.ok(stdout !== null);
  let address: string | undefined;
  for await (const line of createInterface(stdout)) {
    address ??= /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (address !== undefined && line.includes('Ready')) break;
  }
  // What the server prints later is not read, and must not fill the pipe.
  stdout.resume();
  return address ?? assert.fail('The server ended before it was ready.');
}

async function call(path: string, method = 'GET') {
  const authorization = `Bearer ${await sandbox.mintUserToken({ sub: 'alice' })}`;
  return fetch(origin + path, { method, headers: { authorization } });
}

test('a user of the app gets a token of a vendor below /tokens', async () => {
  const response = await call('/tokens/v1/vendors/nudge/token', 'POST');
  const { vendor, token } = (await response.json()) as Record<string, unknown>;
  assert.deepEqual([response.status, vendor, typeof token], [200, 'nudge', 'string']);
});

test('a proxied call to a vendor passes through the app', async () => {
  const response = await call('/tokens/v1/vendors/nymbl/proxy/Patients');
  const { value } = (await response.json()) as { value: unknown[] };
  assert.deepEqual([response.status, response.headers.get('valet-key'), value.length], [200, 'vendor', 3]);
});

test('a caller without a token receives the problem of the broker', async () => {
  const response = await fetch(`${origin}/tokens/v1/vendors/nudge/token`, { method: 'POST' });
  assert.equal(response.status, 401);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  assert.deepEqual(((await response.json()) as { code: string }).code, 'missing_token');
});

test('the broker serves no path outside /tokens', async () => {
  assert.equal((await call('/v1/session')).status, 404);
  assert.match(await (await call('/')).text(), /The rest of your app\./);
});
