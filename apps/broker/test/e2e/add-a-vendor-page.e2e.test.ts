// Follows docs/add-a-vendor.md: writes its files, runs its commands, and uses the vendor with curl and with the client SDK.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRecordedServer, type RecordedServer } from '../support/recorded-server.ts';
import { startValetkey } from '../support/valetkey-process.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../../', import.meta.url));
const page = readFileSync(join(root, 'docs/add-a-vendor.md'), 'utf8');

/** The code blocks of the page in one language, in order. */
const blocksOf = (language: string): string[] =>
  [...page.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].flatMap(([, found, text = '']) => (found === language ? [text] : []));

/** Returns a text on one line, because a terminal breaks long lines. */
const unbroken = (text: string): string => text.replaceAll(/\s+/g, ' ');

const [recipe = '', config = ''] = blocksOf('yaml');
const [printed = '', refused = ''] = blocksOf('');
const [tries = '', checks = '', start = '', call = ''] = blocksOf('sh');
const [app = ''] = blocksOf('ts');
const expiresAt = Math.floor(Date.now() / 1_000) + 600;

let folder: string;
let sandbox: Sandbox;
let acme: RecordedServer;
let token: string;
let environment: Readonly<Record<string, string>>;
beforeAll(async () => {
  sandbox = await createSandbox();
  acme = await startRecordedServer({ data: { token: 'acme-token-of-the-page', expires_at: expiresAt } });
  token = await sandbox.mintUserToken({ sub: 'alice', audience: 'my-api' });
  environment = { ISSUER: sandbox.urls.idp, ACME_API_KEY: 'key-of-the-page', ACME_URL: acme.url };
  folder = mkdtempSync(join(tmpdir(), 'valetkey-own-vendor-'));
  // A configuration that a test may run beside others: with free ports and without a file.
  const own = `listen: { port: 0 }\nadmin: { port: 0 }\nstore: { sqlite: ':memory:' }\n`;
  writeFileSync(join(folder, 'acme.recipe.yaml'), recipe);
  writeFileSync(join(folder, 'valetkey.config.yaml'), `${own}${config}`);
});
afterAll(async () => {
  await acme[Symbol.asyncDispose]();
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

/** Runs a command of the page, without its redirection to a file, and returns what it prints. */
async function runCommand(command: string, expectedExitCode = 0): Promise<string> {
  const [, words = ''] = /^(?:npx valetkey|node node_modules\S+) (.*)$/.exec(command) ?? [];
  expect(words, command).not.toBe('');
  const [args = '', file] = words.split(' > ');
  await using child = startValetkey(args.split(' '), folder, environment);
  expect(await child.exitCode, child.output()).toBe(expectedExitCode);
  if (file !== undefined) writeFileSync(join(folder, file), child.standardOutput());
  return child.output();
}

test('the recipe of the page is checked and tried with the commands of the page, which print what the page shows', async () => {
  const outputs: string[] = [];
  for (const command of tries.trim().split('\n')) outputs.push(await runCommand(command));
  expect(outputs.at(-1)).toBe(printed);
  const schema = JSON.parse(readFileSync(join(folder, 'recipe.schema.json'), 'utf8')) as object;
  expect(schema).toMatchObject({ title: expect.stringContaining('Recipe') });
});

test('the page shows what is printed for a recipe in which a caller decides its role', async () => {
  const file = join(folder, 'acme.recipe.yaml');
  writeFileSync(file, recipe.replace('from: policy # only the operator sets it', 'from: caller'));
  const output = await runCommand(tries.trim().split('\n').at(-1) ?? '', 1);
  writeFileSync(file, recipe);
  expect(unbroken(output)).toBe(unbroken(refused));
});

test('the configuration of the page is checked, and doctor proves the key at the vendor', async () => {
  const [check = '', doctor = ''] = checks.trim().split('\n');
  expect(await runCommand(check)).toBe('valetkey.config.yaml can be used.\n');
  expect(await runCommand(doctor)).toContain('✓ connection acme: `apiKey` is accepted');
  expect(acme.requests.at(-1)).toMatchObject({ method: 'GET', path: '/v1/account' });
});

test('the vendor of the page is used with curl and with the client SDK, and is listed like any other', async () => {
  const [, args = ''] = /valetkey\.js (.*)$/m.exec(start) ?? [];
  await using broker = startValetkey(args.split(' '), folder, environment);
  const [, brokerUrl = ''] = await broker.waitForOutput(/listens on (http:\S+?),/);
  const onThisPort = (text: string) => text.replaceAll('http://127.0.0.1:8787', brokerUrl);

  const { stdout } = await run('sh', ['-c', `${onThisPort(call).trim()} -s`], {
    env: { ...process.env, TOKEN: token },
  });
  expect(JSON.parse(stdout)).toMatchObject({ token: 'acme-token-of-the-page', vendor: 'acme', connection: 'acme' });
  const { body = '', ...sent } = acme.requests.at(-1) ?? {};
  expect(sent).toEqual({ method: 'POST', path: '/v1/tokens', authorization: 'Bearer key-of-the-page' });
  expect(JSON.parse(body)).toEqual({
    room: 'lobby',
    user: expect.stringMatching(/^[\w-]{1,36}$/),
    role: 'guest',
    ttl: 600,
  });

  mkdirSync(join(folder, 'node_modules/@valetkey'), { recursive: true });
  symlinkSync(join(root, 'apps/client-sdk'), join(folder, 'node_modules/@valetkey/client-sdk'));
  const program = `const appToken = process.env.TOKEN ?? '';\n${onThisPort(app)}\nconsole.log(token);\n`;
  writeFileSync(join(folder, 'app.mts'), program);
  const printedToken = await run(process.execPath, ['--conditions=@valetkey/source', 'app.mts'], {
    cwd: folder,
    env: { ...process.env, TOKEN: token },
  });
  expect(printedToken.stdout.trim()).toBe('acme-token-of-the-page');

  const authorization = `Bearer ${token}`;
  const session = await fetch(`${brokerUrl}/v1/session`, { headers: { authorization } });
  expect(await session.json()).toMatchObject({ vendors: { acme: { vendor: 'acme', operations: ['issue'] } } });
  const other = await fetch(`${brokerUrl}/v1/vendors/acme/token`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: '{"room":"other"}',
  });
  expect([other.status, await other.json()]).toMatchObject([403, { code: 'forbidden' }]);
  expect(await runCommand('npx valetkey types --config valetkey.config.yaml')).toContain("acme: 'acme';");
});
