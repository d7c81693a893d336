// Runs the broker of another revision and the broker of this revision over one store, with one configuration, and checks
// that each reads the rows of the other: `pnpm compatibility REVISION`. It does so with SQLite and with PostgreSQL at
// POSTGRES_URL.
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { root } from './workspace.ts';

const [revision = 'HEAD~1'] = process.argv.slice(2);
const postgresUrl = process.env['POSTGRES_URL'] ?? 'postgresql://root@127.0.0.1:5432/test';
// `valetkey start` refuses the sandbox's own credentials, which are public.
const vitalApiKey = 'sk_us_compatibility';
const adminToken = 'compatibility-admin-token-of-32-characters';
const folder = mkdtempSync(join(tmpdir(), 'valetkey-compatibility-'));
const checkout = join(folder, 'checkout');
const children: ChildProcess[] = [];

interface Broker {
  readonly name: string;
  readonly url: string;
  readonly adminUrl: string;
}

/** Starts the broker of a source tree. Older revisions have the command in another place. */
async function startBroker(name: string, tree: string, configFile: string): Promise<Broker> {
  const command = ['apps/broker/src/cli/command.ts', 'apps/broker/src/command.ts']
    .map((path) => join(tree, path))
    .find((path) => existsSync(path));
  assert(command, `${name} has no command line`);
  const child = spawn(process.execPath, ['--conditions=@valetkey/source', command, 'start', '--config', configFile]);
  children.push(child);
  let printed = '';
  const { promise, resolve, reject } = Promise.withResolvers<Broker>();
  const read = (chunk: Buffer) => {
    printed += chunk;
    const [url, adminUrl] = /listens on/.test(printed) ? (printed.match(/http:\/\/127\.0\.0\.1:\d+/g) ?? []) : [];
    if (url !== undefined && adminUrl !== undefined) resolve({ name, url, adminUrl });
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  child.once('exit', () => reject(new Error(`${name} ended: ${printed}`)));
  return promise;
}

async function issue({ url }: Broker, token: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${url}/v1/vendors/vital/token`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** A broker may know for 30 seconds what an older broker has changed, because the older one stores no changes. */
const maxAgeMs = 35_000;

/** Requests tokens until a response passes the check. Fails if none does before everything that a broker knows is too old. */
async function waitForIssue(
  broker: Broker,
  token: string,
  isExpected: (response: Awaited<ReturnType<typeof issue>>) => boolean,
  expected: string,
): Promise<void> {
  const giveUpAtMs = performance.now() + maxAgeMs;
  while (!isExpected(await issue(broker, token))) {
    assert(performance.now() < giveUpAtMs, `${broker.name} ${expected}`);
    await sleep(500);
  }
}

async function administer(broker: Broker, method: string, path: string, body?: object) {
  const response = await fetch(broker.adminUrl + path, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text() };
}

/** Checks that each broker reads the vendor users, mappings, blocked users and decisions that the other has written. */
async function checkBothWays(sandbox: Sandbox, one: Broker, other: Broker): Promise<void> {
  const mint = (sub: string) => sandbox.mintUserToken({ sub });
  const userCalls = () => sandbox.calls().vital['POST /v2/user'] ?? 0;
  for (const [first, second] of [
    [one, other],
    [other, one],
  ] as const) {
    const subject = `first at ${first.name}`;
    const principal = { issuer: sandbox.urls.idp, subject };
    const token = await mint(subject);
    const calls = userCalls();
    const [created, known] = [await issue(first, token), await issue(second, token)];
    assert.deepEqual([created.status, known.status], [200, 200]);
    assert.equal(created.body['user_id'], known.body['user_id'], 'both brokers return the same vendor user');
    assert.equal(userCalls(), calls + 1, 'the vendor user was created once');

    assert.equal((await administer(first, 'PUT', '/v1/blocked-users', principal)).status, 204);
    await waitForIssue(second, token, ({ body }) => body['code'] === 'user_blocked', 'refuses the blocked user');
    assert.equal((await administer(second, 'DELETE', '/v1/blocked-users', principal)).status, 204);
    await waitForIssue(first, token, ({ status }) => status === 200, 'accepts the user again');

    const mapping = {
      ...principal,
      vendor: 'vital',
      vendor_user_id: sandbox.vital.createUser(`mapped ${subject}`).userId,
    };
    assert.equal((await administer(first, 'PUT', '/v1/vendor-users', mapping)).status, 204);
    const isMapped = ({ body }: Awaited<ReturnType<typeof issue>>) => body['user_id'] === mapping.vendor_user_id;
    await waitForIssue(second, token, isMapped, 'uses the vendor user that the other broker has stored');

    const decisions = await Promise.all([first, second].map((broker) => administer(broker, 'GET', '/v1/decisions')));
    const requestIds = decisions.map(({ text }) =>
      (JSON.parse(text) as { decisions: { request_id: string }[] }).decisions.map((decision) => decision.request_id),
    );
    assert.deepEqual(requestIds[0], requestIds[1], 'both read the same decisions');
  }
}

async function checkStore(name: string, store: object): Promise<void> {
  await using sandbox = await createSandbox({ vital: { apiKeys: [vitalApiKey] } });
  const file = join(folder, `${name}.json`);
  const config = {
    listen: { port: 0 },
    admin: { port: 0, token: adminToken },
    store,
    log: { level: 'error' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: { vital: { baseUrl: sandbox.urls.vital, apiKey: vitalApiKey, environment: 'sandbox', region: 'us' } },
  };
  writeFileSync(file, JSON.stringify(config));
  const other = await startBroker(revision, checkout, file);
  const own = await startBroker('this revision', root, file);
  await checkBothWays(sandbox, other, own);
  process.stdout.write(`${name}: ${revision} and this revision share one store, both ways\n`);
}

try {
  execFileSync('git', ['worktree', 'add', '--detach', checkout, revision], { cwd: root, stdio: 'ignore' });
  execFileSync('npx', ['-y', 'pnpm@12.18.0', 'install', '--silent'], { cwd: checkout, stdio: 'inherit' });
  await checkStore('sqlite', { sqlite: join(folder, 'valetkey.sqlite') });
  const schema = `compatibility_${process.pid}`;
  const psql = (statement: string) => execFileSync('psql', [postgresUrl, '-qc', statement], { stdio: 'inherit' });
  psql(`CREATE SCHEMA ${schema}`);
  try {
    await checkStore('postgres', { postgres: `${postgresUrl}?options=-c%20search_path%3D${schema}` });
  } finally {
    for (const child of children) child.kill('SIGKILL');
    psql(`DROP SCHEMA ${schema} CASCADE`);
  }
} finally {
  for (const child of children) child.kill('SIGKILL');
  execFileSync('git', ['worktree', 'remove', '--force', checkout], { cwd: root, stdio: 'ignore' });
  rmSync(folder, { recursive: true, force: true });
}
