import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fixtureSchema, type Fixture } from '../../packages/vendor-clients/src/testing/oracle-fixtures.ts';
import { runOracles } from './run-oracles.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'oracles-'));
  installSdk('1.0.0', '({ key, user }) => `${key}/${user}`');
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, content: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** Writes an SDK whose function `mint` is the given source. */
function installSdk(version: string, mint: string): void {
  const manifest = { name: 'sample-sdk', version, type: 'module', exports: './index.js' };
  write('node_modules/sample-sdk/package.json', JSON.stringify(manifest));
  write('node_modules/sample-sdk/index.js', `import crypto from 'node:crypto';\nexport const mint = ${mint};\n`);
}

const fixture = 'vendors-folder/acme/fixtures/acme.json';
const programs = () => new Map([['acme', pathToFileURL(join(folder, 'vendors/acme.ts'))]]);

/** Writes an oracle with two cases that records in the given way. */
function writeOracle(record = '({ secrets, userId }) => ({ text: mint({ key: secrets.key, user: userId }) })'): void {
  write(
    'vendors/acme.ts',
    `import { mint } from 'sample-sdk';
    import { recordRequest } from '${new URL('simulator.ts', import.meta.url).href}';
    const given = { secrets: { key: 'sample-key' }, options: {}, parameters: {} };
    export const products = [{
      product: 'acme', package: 'sample-sdk', record: ${record},
      cases: [
        { ...given, title: 'of alice', nowSeconds: 1795800000, userId: 'alice' },
        { ...given, title: 'of bob', nowSeconds: 1795800060, userId: 'bob' },
      ],
    }];`,
  );
}

async function run(options: { write?: boolean; today?: string } = {}): Promise<{ code: number; output: string }> {
  const lines: string[] = [];
  const code = await runOracles({
    programs: programs(),
    vendorsFolder: join(folder, 'vendors-folder'),
    write: false,
    today: '2030-01-01',
    print: (line) => lines.push(line),
    ...options,
  });
  return { code, output: lines.join('\n') };
}

function readWritten(): Fixture {
  return fixtureSchema.parse(JSON.parse(readFileSync(join(folder, fixture), 'utf8')));
}

function listTexts(): string[] {
  return readWritten().cases.map((each) => ('text' in each ? each.text : ''));
}

test('finds no difference after it has written the fixtures', async () => {
  writeOracle();

  expect(await run({ write: true })).toEqual({ code: 0, output: 'oracles: 1 vendors, 1 products, 2 cases, written' });
  expect(await run()).toEqual({ code: 0, output: 'oracles: 1 vendors, 1 products, 2 cases, 0 differences' });
  expect(listTexts()).toEqual(['sample-key/alice', 'sample-key/bob']);
});

test('fails and names the vendor, the case and the field if a committed fixture was changed', async () => {
  writeOracle();
  await run({ write: true });
  const committed = readFileSync(join(folder, fixture), 'utf8');
  write(fixture, committed.replace('sample-key/bob', 'sample-key/eve'));

  const { code, output } = await run();

  expect(code).toBe(1);
  expect(output).toMatch('acme/fixtures/acme.json, "of bob", text');
  expect(output).toMatch('committed: "sample-key/eve"');
  expect(output).toMatch('1 difference\n');
  expect(readFileSync(join(folder, fixture), 'utf8')).toMatch('sample-key/eve');
});

test('fails if the SDK does something else than before', async () => {
  writeOracle();
  await run({ write: true });
  installSdk('1.0.0', '({ key, user }) => `${user}/${key}`');

  const { code, output } = await run();

  expect(code).toBe(1);
  expect(output).toMatch('"of alice", text');
  expect(output).toMatch('"of bob", text');
});

test('fails if a fixture is missing, is illegible or has no oracle', async () => {
  writeOracle();

  expect(await run()).toMatchObject({ code: 1, output: expect.stringMatching('acme.json is missing') });
  write(fixture, '{}');
  expect(await run()).toMatchObject({ code: 1, output: expect.stringMatching('or no fixture') });
  await run({ write: true });
  write('vendors-folder/acme/fixtures/old.json', '{}');
  expect(await run()).toMatchObject({ code: 1, output: expect.stringMatching('old.json has no oracle') });
  await run({ write: true });
  expect(await run()).toMatchObject({ code: 0 });
});

test('keeps the day of the check until the SDK has another version', async () => {
  writeOracle();
  await run({ write: true });

  await run({ write: true, today: '2030-02-02' });
  expect(readWritten().oracle).toMatchObject({ version: '1.0.0', checkedOn: '2030-01-01' });

  installSdk('1.1.0', '({ key, user }) => `${key}/${user}`');
  expect(await run()).toMatchObject({ code: 1, output: expect.stringMatching('oracle.version') });
  await run({ write: true, today: '2030-02-02' });
  expect(readWritten().oracle).toMatchObject({ version: '1.1.0', checkedOn: '2030-02-02' });
});

test('stops each clock and each random source before the SDK is loaded', async () => {
  // The SDK keeps what it found when it was loaded.
  installSdk(
    '1.0.0',
    `((now, random) => () => JSON.stringify([
      now(), new Date().toISOString(), Date(), new (new Date(0).constructor)().getTime(), performance.now(), performance.timeOrigin,
      new Date(5).getTime(), random(), crypto.randomUUID(), crypto.randomBytes(4).toString('hex'),
      ...crypto.getRandomValues(new Uint8Array(2)), ...globalThis.crypto.getRandomValues(new Uint8Array(2)),
      globalThis.crypto.randomUUID(), ...crypto.randomFillSync(new Uint8Array(2)),
    ]))(Date.now, Math.random)`,
  );
  writeOracle('() => ({ text: mint() })');
  await run({ write: true });

  const [first = '', second = ''] = listTexts();

  expect(await run()).toMatchObject({ code: 0 });
  expect(JSON.parse(first)).toMatchObject([
    1_795_800_000_000,
    new Date(1_795_800_000_000).toISOString(),
    expect.stringContaining('2026'),
    1_795_800_000_000,
    0,
    1_795_800_000_000,
    5,
    ...(JSON.parse(second) as unknown[]).slice(7),
  ]);
  expect(JSON.parse(second)[0]).toBe(1_795_800_060_000);
});

test('records where the SDK sends its request by default, without the environment of this process', async () => {
  installSdk(
    '1.0.0',
    `async ({ key, user }) => {
      const host = process.env.HOME === undefined ? 'api.acme.example' : 'elsewhere.example';
      const response = await fetch('https://' + host + '/v1/tokens?for=' + encodeURIComponent(user), {
        method: 'POST', headers: { Authorization: 'Bearer ' + key, 'X-Request-Id': 'r' }, body: '{}' });
      return (await response.json()).token;
    }`,
  );
  writeOracle(`({ secrets, userId }) => recordRequest({
    headers: ['authorization', 'x-absent'], ignoredHeaders: ['x-request-id'], response: { token: 'sample-token' },
    send: () => mint({ key: secrets.key, user: userId + ' /?' }),
  })`);
  await run({ write: true });

  expect(readWritten().cases[0]).toMatchObject({
    request: {
      method: 'POST',
      origin: 'https://api.acme.example',
      path: '/v1/tokens?for=alice%20%2F%3F',
      headers: { authorization: 'Bearer sample-key' },
      body: '{}',
    },
    ignoredHeaders: ['x-request-id'],
    response: { token: 'sample-token' },
  });
});

test.each([
  ['no request', '() => {}', 'sent 0 requests'],
  [
    'two requests',
    "async () => { await fetch('https://a.example/'); await fetch('https://a.example/'); }",
    'sent 2 requests',
  ],
  ['no ignored header', "() => fetch('https://a.example/')", 'does not send the header x-id'],
  ['a request by another method', "() => fetch('https://a.example/', { method: 'PUT' })", 'sent PUT'],
])('rejects if an SDK sends %s', async (_, mint, message) => {
  installSdk('1.0.0', mint);
  writeOracle("() => recordRequest({ headers: [], ignoredHeaders: ['x-id'], response: {}, send: () => mint({}) })");

  await expect(run()).rejects.toThrow(message);
});
