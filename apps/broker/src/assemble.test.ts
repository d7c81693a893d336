import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, type VendorDefinition } from '@valetkey/core-types';
import { vendors as registry } from '@valetkey/vendor-clients';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assemble } from './assemble.ts';
import type { Config } from './config/config.ts';
import { parseConfig } from './config/parse-config.ts';
import { createSqliteStore } from './storage/sqlite-store.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterAll(() => rm(folder, { recursive: true }));

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

function configure(overrides: object = {}): Config {
  return parseConfig({
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: join(folder, 'valetkey.sqlite') },
    log: { level: 'silent' },
    issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }],
    redis: { url: 'redis://127.0.0.1:9', sealingKeys: [{ id: 'a', secret: 'x'.repeat(32) }] },
    vendors: { nudge: { apiKey: 'a' }, nabla: { serverKey: 'b' } },
    ...overrides,
  });
}

/** Returns a copy of an object whose getter for this field throws. */
function failWhenRead<Value extends object>(value: Value, field: keyof Value): Value {
  return Object.defineProperty({ ...value }, field, {
    get: () => {
      throw new Error(`no ${String(field)}`);
    },
  });
}

/** Returns a configuration in which the vendor of this connection cannot be created. */
function failWhenCreated(config: Config, name: string): Config {
  const create = (): never => {
    throw new Error(`no ${name}`);
  };
  const connections = config.connections.map((connection) =>
    connection.name === name ? { ...connection, definition: { ...connection.definition, create } } : connection,
  );
  return { ...config, connections };
}

/** Each part, in the order of opening: its name, the error, and a change to the configuration that makes opening it fail. */
const failures: readonly (readonly [string, RegExp, (config: Config) => Config])[] = [
  [
    'the store',
    /store\.sqlite: cannot be opened/,
    (config) => ({ ...config, store: { sqlite: '/dev/null/valetkey.sqlite' } }),
  ],
  [
    'the first connection',
    /vendors\.nudge: the adapter `nudge` fails in `create`/,
    (config) => failWhenCreated(config, 'nudge'),
  ],
  [
    'the second connection',
    /vendors\.nabla: the adapter `nabla` fails in `create`/,
    (config) => failWhenCreated(config, 'nabla'),
  ],
  ['the verifier', /issuers: /, (config) => ({ ...config, issuers: [] })],
  [
    'Redis',
    /redis: /,
    (config) => ({
      ...config,
      redis: { url: new Secret('http://no'), sealingKeys: [], prefix: 'valetkey', timeoutMs: 250 },
    }),
  ],
  ['the admin listener', /no token/, (config) => ({ ...config, admin: failWhenRead(config.admin, 'token') })],
  [
    'the app listener',
    /no headerPrefix/,
    (config) => ({ ...config, forwardAuth: failWhenRead(config.forwardAuth, 'headerPrefix') }),
  ],
];

test.runIf(process.platform === 'linux').each(failures)(
  'assemble leaves no file descriptor open if %s cannot be opened',
  async (_part, message, breakPart) => {
    const config = breakPart(configure());
    const before = openDescriptors();
    for (let count = 0; count < 5; count += 1) expect(() => assemble(config)).toThrow(message);
    await expect.poll(openDescriptors, { timeout: 20_000 }).toBe(before);
  },
);

test.runIf(process.platform === 'linux')(
  'listen rejects if a port is in use, and leaves no file descriptor open',
  async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const before = openDescriptors();
    for (let count = 0; count < 3; count += 1) {
      await expect(assemble(configure({ admin: { port } })).listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    }
    await expect.poll(openDescriptors, { timeout: 20_000 }).toBe(before);
    server.close();
  },
);

test.runIf(process.platform === 'linux')(
  'close closes the file descriptors of a broker that has listened',
  async () => {
    const before = openDescriptors();
    const broker = assemble(configure());
    const { brokerUrl } = await broker.listen();
    expect((await fetch(`${brokerUrl}/healthz`)).status).toBe(200);
    expect(openDescriptors()).toBeGreaterThan(before);
    await broker.close();
    // The test's own HTTP client may still have one socket open.
    await expect.poll(openDescriptors, { timeout: 20_000 }).toBeLessThanOrEqual(before + 1);
  },
);

test('close closes each vendor before the store, and only once', async () => {
  const closed: string[] = [];
  const store = { ...createSqliteStore(':memory:'), close: async () => void closed.push('store') };
  const watched: VendorDefinition = {
    ...(registry.nudge as VendorDefinition),
    create: (options, dependencies) => ({
      ...(registry.nudge as VendorDefinition).create(options, dependencies),
      close: async () => void closed.push('vendor'),
    }),
  };
  const config = parseConfig(
    { issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }], vendors: { nudge: { apiKey: 'a' } } },
    { nudge: watched },
  );
  const broker = assemble({ ...config, log: { level: 'silent' } }, { store });
  await broker.close();
  await broker.close();
  expect(closed).toEqual(['vendor', 'store']);
});
