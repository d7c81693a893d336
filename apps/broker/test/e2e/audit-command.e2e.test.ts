import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@valetkey/core-types';
import { createSandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createAuditKey } from '../../src/audit/audit-key.ts';
import { createAudit } from '../../src/audit/audit.ts';
import { createStoreHealth } from '../../src/storage/store-health.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import type { Decision } from '../../src/storage/audit-store.ts';
import { adminToken, createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { startValetkey } from '../support/valetkey-process.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterAll(() => rm(folder, { recursive: true }));

const refused: Decision = {
  at: '2026-01-01T14:02:00.000Z',
  requestId: 'r-refused',
  operation: 'issue',
  connection: 'nabla',
  vendor: 'nabla',
  issuer: 'https://id.example.com',
  subject: 'alice',
  outcome: 'forbidden',
  reason: 'requiredScopes: rooms',
};

async function startBroker(count = 0) {
  const store = createSqliteStore(':memory:');
  for (let index = 0; index < count; index += 1) {
    await store.recordDecisions([{ ...refused, subject: 'bob', requestId: `r-${index}`, outcome: 'allowed' }]);
  }
  await store.recordDecisions([refused]);
  const sandbox = await createSandbox();
  const broker = await startRecordingBroker(createConfigFor(sandbox), { store });
  onTestFinished(async () => {
    await broker.broker.close();
    await sandbox.close();
  });
  return { url: broker.adminUrl, record: store.recordDecisions };
}

const start = (args: readonly string[], token: string = adminToken) =>
  startValetkey(['audit', ...args], folder, { VALETKEY_ADMIN_TOKEN: token });

async function run(args: readonly string[], token?: string) {
  await using child = start(args, token);
  return { exitCode: await child.exitCode, text: child.output(), standardOutput: child.standardOutput() };
}

test('`valetkey audit list` answers why alice was refused at a moment, in one line', async () => {
  const { url } = await startBroker(3);
  const question = ['--subject', 'alice', '--since', '2026-01-01T14:00:00Z', '--until', '2026-01-01T14:05:00Z'];
  expect(await run(['list', '--url', url, ...question])).toMatchObject({
    exitCode: 0,
    text: '2026-01-01 14:02:00 UTC  forbidden  alice (https://id.example.com)  nabla  issue  requiredScopes: rooms  r-refused\n',
  });
  const limited = await run(['list', '--url', url, '--limit', '2']);
  expect(limited.standardOutput.trimEnd().split('\n')).toHaveLength(2);
  expect(limited.text).toContain('There are older ones.');
  expect(await run(['list', '--url', url, '--subject', 'eve'])).toMatchObject({
    exitCode: 0,
    standardOutput: '',
    text: 'No decision matches.\n',
  });
});

test('`valetkey audit why` explains a request in sentences, and exits with 1 if there is no decision about it', async () => {
  const { url } = await startBroker();
  const { exitCode, text } = await run(['why', 'r-refused', '--url', `${url}/`]);
  expect(exitCode).toBe(0);
  expect(text).toContain('alice of the issuer https://id.example.com requested a token of the connection nabla.');
  expect(text).toContain('the rule `requiredScopes` of the connection names: rooms.');
  const unknown = await run(['why', 'r-unknown', '--url', url]);
  expect(unknown).toMatchObject({ exitCode: 1, text: expect.stringContaining('no decision has this request id') });
});

test('`valetkey audit export` writes the whole selection as lines of JSON, with the admin token of a configuration', async () => {
  const { url } = await startBroker(2_500);
  await writeFile(
    join(folder, 'valetkey.config.yaml'),
    `admin: { token: ${adminToken} }\nissuers: [{ issuer: 'http://127.0.0.1:9', audiences: [api] }]\nvendors: { nudge: { apiKey: a } }`,
  );
  const { exitCode, standardOutput, text } = await run(
    ['export', '--url', url, '--config', 'valetkey.config.yaml', '--subject', 'bob'],
    'another-token',
  );
  expect(exitCode, text.slice(0, 500)).toBe(0);
  const lines = standardOutput.trimEnd().split('\n');
  expect(lines).toHaveLength(2_500);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ request_id: 'r-0', subject: 'bob' });
});

test('`valetkey audit tail` prints each new decision until Ctrl-C, and then exits with 0', async () => {
  const { url, record } = await startBroker();
  await using child = start(['tail', '--url', url, '--outcome', 'forbidden']);
  let recorded = 0;
  // The command prints nothing before it follows the audit, so decisions are recorded until one of them is printed.
  const recording = setInterval(() => {
    recorded += 1;
    const at = new Date(Date.UTC(2026, 0, 2) + recorded).toISOString();
    void record([{ ...refused, at, requestId: 'r-new' }]);
  }, 50);
  await child.waitForOutput(/r-new/).finally(() => clearInterval(recording));
  child.signal('SIGINT');
  expect(await child.exitCode).toBe(0);
  expect(child.output()).not.toContain('r-refused');
});

test('`valetkey audit` explains each failure in one line without the token, and exits with 1', async () => {
  const { url } = await startBroker();
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const other = createHttpServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const failures: [readonly string[], string | undefined, RegExp][] = [
    [['list', '--url', url], 'canary-of-another-token', /\(invalid_token, request/],
    [['list', '--url', url], '', /VALETKEY_ADMIN_TOKEN/],
    [['list', '--url', url, '--since', 'yesterday'], undefined, /unknown or wrong: since/],
    [['export', '--url', `http://127.0.0.1:${port}`], undefined, /cannot be reached .*ECONNREFUSED/],
    [['tail', '--url', otherUrl], undefined, /is not one of a broker of this version/],
    [['why', 'r', '--url', 'ftp://127.0.0.1'], undefined, /`--url` must be/],
  ];
  for (const [args, token, expected] of failures) {
    const { exitCode, text } = await run(args, token);
    expect(exitCode, text).toBe(1);
    expect(text).toMatch(expected);
    expect(text).toMatch(/^valetkey: .*\n$/);
    expect(text).not.toContain('canary');
  }
});

test('`valetkey audit verify` verifies the chain, writes an anchor, and exits with 1 after a decision was removed', async () => {
  const path = join(folder, 'chained.sqlite');
  const store = createSqliteStore(path);
  const secret = 'canary-of-the-key-of-the-audit-0123456789';
  const clock = systemClock;
  const logger = createLogger('silent');
  const key = createAuditKey(secret);
  const audit = createAudit({ store, storeHealth: createStoreHealth(store, clock), clock, logger, key });
  const { at: _at, ...input } = refused;
  for (const outcome of ['allowed', 'forbidden'] as const) await audit.record({ ...input, outcome });
  const config = join(folder, 'chained.json');
  const anchor = join(folder, 'anchor.json');
  await writeFile(
    config,
    JSON.stringify({
      issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'] }],
      store: { sqlite: path },
      audit: { key: secret },
    }),
    { mode: 0o600 },
  );

  const verified = await run(['verify', '--config', config, '--write-anchor', anchor]);
  expect(verified).toMatchObject({
    exitCode: 0,
    text: expect.stringContaining('2 decisions of 1 writer, 0 without personal fields; 0 in no chain. 0 problems.'),
  });
  const intruder = new DatabaseSync(path);
  intruder.exec('DELETE FROM decision WHERE sequence = 2');
  intruder.close();
  expect(await run(['verify', '--config', config])).toMatchObject({ exitCode: 0 });
  const found = await run(['verify', '--config', config, '--anchor', anchor]);
  expect(found).toMatchObject({
    exitCode: 1,
    text: expect.stringContaining('decisions 2 to 2, which the anchor knows'),
  });
  expect(await run(['verify', '--config', config, '--anchor', config])).toMatchObject({
    exitCode: 1,
    text: expect.stringContaining('is no anchor'),
  });
  expect(`${verified.text}${found.text}`).not.toContain('canary');
  await store.close();
});
