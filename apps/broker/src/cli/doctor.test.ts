import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { secretSlotsSchema, type VendorDefinition } from '@valetkey/core-types';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createConfigFor } from '../../test/support/recording-broker.ts';
import { parseConfig } from '../config/parse-config.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { examine } from './doctor.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.setFaults([]));

describe('examine', () => {
  test('examine reports that every part is healthy, and creates no vendor user', async () => {
    const findings = await examine(parseConfig(createConfigFor(sandbox)));
    expect(findings.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect(findings.map(({ part }) => part)).toEqual([
      'store',
      'egress',
      `issuer ${sandbox.urls.idp}`,
      `issuer ${sandbox.urls.authgear}`,
      'connection nabla',
      'connection nudge',
      'connection nymbl',
      'connection authgear',
      'connection vital',
    ]);
    expect(sandbox.vital.users()).toEqual([]);
  });

  test('examine reports each failing part with advice and without a secret', async () => {
    const { vendors, ...config } = createConfigFor(sandbox);
    const nudge = { ...vendors.nudge, apiKey: 'canary-wrong-key-3d70' };
    sandbox.setFaults([{ vendor: 'idp', fault: { type: 'reset' } }]);
    const findings = await examine(parseConfig({ ...config, vendors: { ...vendors, nudge } }));
    const failing = findings.filter(({ outcome }) => outcome === 'failed');
    expect(failing.map(({ part }) => part)).toEqual([`issuer ${sandbox.urls.idp}`, 'connection nudge']);
    expect(failing[0]?.detail).toMatch(/^has no usable keys \(/);
    expect(failing[1]?.detail).toMatch(/vendor_auth_failed.*Nudge has enabled short-lived token authentication/s);
    expect(JSON.stringify(findings)).not.toMatch(/canary|sandbox-only/);
  });

  test.each([
    ['introspection', 401, 'failed', /identity_unavailable, status_401.*`endpoint`, `clientId` and `clientSecret`/],
    ['introspection', 404, 'failed', /status_404/],
    ['introspection', 200, 'passed', /^ok$/],
    ['resolver', 404, 'failed', /status_404.*Check `endpoint`/],
    ['resolver', 200, 'passed', /^ok$/],
  ])('examine tries the %s of an issuer, which responds %i', async (name, status, outcome, detail) => {
    const server = createHttpServer((_request, response) => {
      response.setHeader('content-type', 'application/json').setHeader('x-authgear-session-valid', 'false');
      response.writeHead(status).end('{"active":false}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { vendors, issuers, ...config } = createConfigFor(sandbox);
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = { clientId: 'broker', clientSecret: 'canary-secret-3d70' };
    const record = { ...issuers[0], [name]: { endpoint, ...(name === 'introspection' && client) } };
    const findings = await examine(parseConfig({ ...config, issuers: [record], vendors: { nudge: vendors.nudge } }));
    expect(findings.find(({ part }) => part === `${name} of ${sandbox.urls.idp}`)).toMatchObject({
      outcome,
      detail: expect.stringMatching(detail) as unknown,
    });
    expect(JSON.stringify(findings)).not.toContain('canary');
    server.close();
  });

  test('examine names every place where it looked for the metadata of an issuer', async () => {
    sandbox.setFaults([{ vendor: 'idp', fault: { type: 'status', status: 403 } }]);
    const findings = await examine(parseConfig(createConfigFor(sandbox)));
    const { origin } = new URL(sandbox.urls.idp);
    expect(findings.find(({ part }) => part === `issuer ${sandbox.urls.idp}`)?.detail).toMatch(
      new RegExp(
        `^has no usable keys \\(no_metadata\\)\\. .*Tried ${sandbox.urls.idp}/.* \\(status_403\\), ${origin}/.* and ${origin}/`,
      ),
    );
  });

  test('examine reports a wrong API key of Nymbl although its OAuth client is valid', async () => {
    const { vendors, ...config } = createConfigFor(sandbox);
    const nymbl = { ...vendors.nymbl, apiKey: 'canary-wrong-key-3d70' };
    const findings = await examine(parseConfig({ ...config, vendors: { nymbl } }));
    expect(findings.find(({ part }) => part === 'connection nymbl')).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('Check `apiKey`') as unknown,
    });
  });

  test('examine does not call a connection to Nymbl checked if only a customer could show whether its API key is right', async () => {
    const { vendors, ...config } = createConfigFor(sandbox);
    const nymbl = {
      ...vendors.nymbl,
      apiKey: 'canary-wrong-key-3d70',
      customer: { claim: 'customer', issuer: sandbox.urls.idp },
    };
    const findings = await examine(parseConfig({ ...config, vendors: { nymbl } }));
    expect(findings.find(({ part }) => part === 'connection nymbl')).toEqual({
      part: 'connection nymbl',
      outcome: 'not_checked',
      detail:
        '`clientId` and `clientSecret` are accepted; not checked: `apiKey`, because `customer` is a claim, ' +
        'and only the token of a customer reaches the API',
    });
  });

  test('examine tries each slot of a secret that is rotated, and reports the slots that the vendor refuses', async () => {
    const { vendors, ...config } = createConfigFor(sandbox);
    const [old, renewed] = [await sandbox.nabla.createClient(), await sandbox.nabla.createClient()];
    const findings = await examine(
      parseConfig({
        ...config,
        vendors: {
          nudge: { ...vendors.nudge, apiKey: { current: 'canary-expired', next: vendors.nudge.apiKey } },
          vital: { ...vendors.vital, apiKey: { current: vendors.vital.apiKey, next: 'sk_us_canary-typo' } },
          nymbl: {
            ...vendors.nymbl,
            clientSecret: { current: vendors.nymbl.clientSecret, next: vendors.nymbl.clientSecret },
            apiKey: { current: vendors.nymbl.apiKey, next: 'canary-typo' },
          },
          nabla: { ...vendors.nabla, serverKey: { ...old, next: { ...renewed, clientId: 'unknown-client' } } },
        },
      }),
    );
    const verdicts = findings.flatMap(({ part, outcome }) =>
      part.startsWith('connection') ? [[part, outcome === 'passed']] : [],
    );
    expect(Object.fromEntries(verdicts)).toEqual({
      'connection nabla (serverKey.current)': true,
      'connection nabla (serverKey.next)': false,
      'connection nudge (apiKey.current)': false,
      'connection nudge (apiKey.next)': true,
      'connection nymbl (clientSecret.current)': true,
      'connection nymbl (clientSecret.next)': true,
      'connection nymbl (apiKey.current)': true,
      'connection nymbl (apiKey.next)': false,
      'connection vital (apiKey.current)': true,
      'connection vital (apiKey.next)': false,
    });
    expect(JSON.stringify(findings)).not.toMatch(/canary|sandbox-only/);
  });

  /** Starts a server that sends this reply to each Redis command. */
  async function startFakeRedis(reply: string) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      // Each command begins with `*` and its number of words.
      socket.on('data', (bytes) => {
        socket.write(`${reply}\r\n`.repeat(bytes.toString().match(/^\*/gm)?.length ?? 0));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { address: `127.0.0.1:${port}`, [Symbol.dispose]: () => void server.close() };
  }

  const examineRedisAt = async (url: string) => {
    const redis = { url, sealingKeys: [{ id: 'a', secret: 'x'.repeat(32) }] };
    const findings = await examine(parseConfig({ ...createConfigFor(sandbox), vendors: {}, redis }));
    return findings.find(({ part }) => part === 'redis');
  };

  test('examine reports that a Redis which responds to a read is healthy', async () => {
    using server = await startFakeRedis('*1\r\n:1');
    expect(await examineRedisAt(`redis://${server.address}`)).toEqual({
      part: 'redis',
      outcome: 'passed',
      detail: 'ok',
    });
  });

  test('examine reports an unreachable Redis and advises to check its address', async () => {
    expect(await examineRedisAt('redis://127.0.0.1:9')).toEqual({
      part: 'redis',
      outcome: 'failed',
      detail: 'is unreachable (ECONNREFUSED); check the host and port in `redis.url`',
    });
  });

  test.each([
    ['WRONGPASS', 'check the user and password in `redis.url`', 'invalid username-password pair or user is disabled.'],
    ['NOAUTH', 'it asks for a password, so write the user and password into `redis.url`', 'Authentication required.'],
    ['NOPERM', 'let its user call EVAL', "User broker has no permissions to run the 'eval' command"],
  ])('examine reports a Redis that responds %s and advises: %s', async (code, advice, text) => {
    using server = await startFakeRedis(`-${code} ${text}`);
    const user = code === 'WRONGPASS' ? 'broker:canary-password@' : '';
    expect(await examineRedisAt(`redis://${user}${server.address}`)).toEqual({
      part: 'redis',
      outcome: 'failed',
      detail: expect.stringContaining(`refuses the broker (${code}); ${advice}`),
    });
  });

  test('examine reports a store that cannot be used, with advice', async () => {
    const store = { postgres: 'postgresql://user:canary-password@127.0.0.1:9/db' };
    const findings = await examine(parseConfig({ ...createConfigFor(sandbox), store }));
    expect(findings.find(({ part }) => part === 'store')).toEqual({
      part: 'store',
      outcome: 'failed',
      detail:
        'The broker cannot use its database. (overloaded, ECONNREFUSED) ' +
        'No server accepts connections at the address. Check the host and port under `store`, and that the server runs.',
    });
  });

  test('examine names the schema version of the store, also if it is newer than that of the program', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const sqlite = join(folder, 'valetkey.sqlite');
    await createSqliteStore(sqlite).close();
    const detailOf = async () => {
      const findings = await examine(parseConfig({ ...createConfigFor(sandbox), vendors: {}, store: { sqlite } }));
      return findings.find(({ part }) => part === 'store')?.detail;
    };
    expect(await detailOf()).toBe('ok; schema version 7');
    const database = new DatabaseSync(sqlite);
    database.exec('INSERT INTO schema_version (version) VALUES (8)');
    database.close();
    expect(await detailOf()).toBe(
      'ok. The database has the schema version 8, which is newer than the 7 of this program. The program works with it.',
    );
  });

  test('examine reports whether a missing SQLite file could be created, and creates nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
    await writeFile(join(folder, 'file'), '');
    const examineStore = async (sqlite: string) => {
      const findings = await examine(parseConfig({ ...createConfigFor(sandbox), vendors: {}, store: { sqlite } }));
      return findings.find(({ part }) => part === 'store');
    };
    expect(await examineStore(join(folder, 'new', 'data', 'valetkey.sqlite'))).toEqual({
      part: 'store',
      outcome: 'passed',
      detail: 'ok; `valetkey start` will create the file',
    });
    expect(await examineStore(join(folder, 'file', 'data', 'valetkey.sqlite'))).toEqual({
      part: 'store',
      outcome: 'failed',
      detail: 'the file does not exist and cannot be created (ENOTDIR). Check `store.sqlite` in the configuration.',
    });
    expect(await readdir(folder)).toEqual(['file']);
    await rm(folder, { recursive: true });
  });

  test('examine counts the keys of an issuer, one as `1 key`', async () => {
    const { keys } = (await (await fetch(`${sandbox.urls.idp}/jwks`)).json()) as { keys: object[] };
    const body = JSON.stringify({ keys: keys.slice(0, 1) });
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const server = createServer((socket) => {
      socket.once('data', () => socket.end(head + body));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const issuer = { issuer: sandbox.urls.idp, audiences: ['api'], jwksUri: `http://127.0.0.1:${port}/jwks` };
    const findings = await examine(parseConfig({ ...createConfigFor(sandbox), vendors: {}, issuers: [issuer] }));
    expect(findings.find(({ part }) => part.startsWith('issuer'))).toEqual({
      part: `issuer ${sandbox.urls.idp}`,
      outcome: 'passed',
      detail: '1 key',
    });
    server.close();
  });
});

/** Returns what examine finds about a connection to an adapter that is written by hand. */
async function examineAdapter(changes: Partial<VendorDefinition>, vendor: object) {
  const adapter: VendorDefinition = {
    id: 'acme',
    title: 'Acme Rooms',
    options: z.object({ apiKey: secretSlotsSchema.optional() }),
    credentials: ['apiKey'],
    create: () => ({ id: 'acme', close: async () => undefined, ...vendor }),
    ...changes,
  };
  const config = { ...createConfigFor(sandbox), adapters: [adapter], vendors: { acme: {} } };
  const findings = await examine(parseConfig(config));
  return findings.find(({ part }) => part === 'connection acme');
}

const fail = () => {
  throw new Error('canary');
};

const saysNothing = 'not checked: its adapter does not say what it checks';

test.each<[string, object, string, string]>([
  ['without `verify`', {}, 'not_checked', saysNothing],
  ['whose `verify` returns nothing', { verify: async () => undefined }, 'not_checked', saysNothing],
  ['whose `verify` returns no lists', { verify: async () => ({ proven: 'x' }) }, 'not_checked', saysNothing],
  [
    'that proves its key',
    { verify: async () => ({ proven: ['`apiKey` is accepted'] }) },
    'passed',
    '`apiKey` is accepted',
  ],
  [
    'that checks only a part',
    { verify: async () => ({ proven: ['`a` is accepted'], notChecked: ['`b`, because of c'] }) },
    'not_checked',
    '`a` is accepted; not checked: `b`, because of c',
  ],
  ['that fails in `verify`', { verify: fail }, 'failed', 'cannot be examined (unknown error)'],
  [
    'that rejects with no error',
    { verify: async () => Promise.reject('canary') },
    'failed',
    'cannot be examined (unknown error)',
  ],
  ['that fails in `verify` and `close`', { verify: fail, close: fail }, 'failed', 'cannot be examined (unknown error)'],
])('examine reports an adapter %s without its text', async (_, vendor, outcome, detail) => {
  expect(await examineAdapter({}, vendor)).toEqual({ part: 'connection acme', outcome, detail });
});

test('examine reports an adapter that can be created only the first two times', async () => {
  let count = 0;
  const create: VendorDefinition['create'] = () => {
    count += 1;
    return count > 2 ? fail() : { id: 'acme', close: async () => undefined };
  };
  expect(await examineAdapter({ create }, {})).toEqual({
    part: 'connection acme',
    outcome: 'failed',
    detail: 'vendors.acme: the adapter `acme` fails in `create`',
  });
});
