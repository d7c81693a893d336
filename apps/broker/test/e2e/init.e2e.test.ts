import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv, promisify, stripVTControlCharacters } from 'node:util';
import { providers } from '@valetkey/jwt-verify/providers';
import { findRecipe, recipes, vendors } from '@valetkey/vendor-clients';
import { sampleKey } from '@valetkey/vendor-clients/recipe';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { commandFile, startValetkey } from '../support/valetkey-process.ts';

const vendorIds = [...Object.keys(vendors), ...Object.keys(recipes)];
const providerNames = [...Object.keys(providers), 'other'];
const written = ['.env.example', 'policy.test.yaml', 'valetkey.yaml'];

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'valetkey-init-'));
});
afterAll(() => rm(parent, { recursive: true }));

const createFolder = () => mkdtemp(join(parent, 'project-'));

/** Runs a command until its end, without a terminal. */
async function run(folder: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  await using command = startValetkey(args, folder, environment);
  command.sendInput('');
  return { exitCode: await command.exitCode, output: command.output() };
}

const readYaml = async (folder: string, file = 'valetkey.yaml') =>
  parse(await readFile(join(folder, file), 'utf8')) as Record<string, unknown>;

/** Returns secrets for the variables of `.env.example`, each in the form that its vendor demands. */
async function fillSecrets(folder: string, ids: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const names = Object.keys(parseEnv(await readFile(join(folder, '.env.example'), 'utf8')));
  const known = ids.flatMap((id) =>
    Object.entries(findRecipe(id)?.recipe.secrets ?? {}).map(
      ([name, { type }]) => [`${id}_${name}`.replaceAll(/[-_]/g, '').toUpperCase(), sampleKey(name, type)] as const,
    ),
  );
  const values = new Map<string, string>([...known, ['VITALAPIKEY', 'sk_us_of-the-test']]);
  return Object.fromEntries(names.map((name) => [name, values.get(name.replaceAll('_', '')) ?? 'secret-of-the-test']));
}

/** Checks that the broker can use the written files, that the policy decides as its test says, and that the broker starts. */
async function expectWorkingFiles(folder: string, ids: readonly string[]): Promise<void> {
  const secrets = await fillSecrets(folder, ids);
  const check = await run(folder, ['check', '--strict', '--config', 'valetkey.yaml'], secrets);
  expect(check).toEqual({ exitCode: 0, output: 'valetkey.yaml can be used.\n' });
  const policy = await run(folder, ['policy', 'test', 'policy.test.yaml', '--config', 'valetkey.yaml'], secrets);
  expect(policy).toEqual({ exitCode: 0, output: expect.stringContaining(' 0 decided otherwise than expected.') });

  // On free ports, because the default ones may be in use here.
  const ports = '\nlisten: { port: 0 }\nadmin: { port: 0 }\n';
  await writeFile(join(folder, 'valetkey.yaml'), ports, { flag: 'a' });
  await using broker = startValetkey(['start', '--config', 'valetkey.yaml'], folder, secrets);
  const [, url] = await broker.waitForOutput(/listens on (\S+),/);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  broker.signal('SIGINT');
  expect(await broker.exitCode).toBe(0);
}

describe.concurrent('valetkey init', { timeout: 120_000 }, () => {
  // Each vendor with another identity provider, so that every preset occurs.
  const pairs = vendorIds.map((id, index) => ({ id, provider: providerNames[index % providerNames.length] ?? '' }));

  test('every identity provider occurs in the following tests', ({ expect }) => {
    expect(new Set(pairs.map(({ provider }) => provider))).toEqual(new Set(providerNames));
  });

  test.each(pairs)('writes files for $id and $provider with which the broker starts', async ({ id, provider }) => {
    const folder = await createFolder();
    const result = await run(folder, ['init', '--yes', '--provider', provider, '--vendor', id]);
    expect(result.exitCode, result.output).toBe(0);
    expect((await readdir(folder)).toSorted()).toEqual(written);
    await expectWorkingFiles(folder, [id]);
  });

  test('writes files for every vendor at once with which the broker starts', async () => {
    const folder = await createFolder();
    const result = await run(folder, ['init', '--yes', '--vendor', vendorIds.join(',')]);
    expect(result.exitCode, result.output).toBe(0);
    expect(Object.keys((await readYaml(folder))['vendors'] as object)).toEqual(vendorIds);
    await expectWorkingFiles(folder, vendorIds);
  });
});

test('valetkey init uses the values of the flags, and writes no example for them', async () => {
  const folder = await createFolder();
  const flags = ['--provider', 'keycloak', '--setting', 'url=https://id.acme.test', '--setting', 'realm=staff'];
  const others = [
    '--setting',
    'audience=api',
    '--setting',
    'clientIds=web, app',
    '--vendor',
    'vital',
    '--vendor',
    'nudge',
  ];
  const options = ['--option', 'vital.region=eu', '--option', 'vital.environment=production'];
  const result = await run(folder, ['init', ...flags, ...others, ...options]);
  expect(result.exitCode, result.output).toBe(0);
  expect(await readYaml(folder)).toEqual({
    issuers: [
      { provider: 'keycloak', url: 'https://id.acme.test', realm: 'staff', audience: 'api', clientIds: ['web', 'app'] },
    ],
    callerLimits: { requestsPerMinute: 60 },
    vendors: {
      vital: {
        apiKey: '${env:VITAL_API_KEY}',
        environment: 'production',
        region: 'eu',
        policy: { rules: [{ require: { not: { claim: 'suspended', equals: true } } }] },
      },
      nudge: { apiKey: '${env:NUDGE_API_KEY}' },
    },
  });
});

test('the broker reads odd values as they were given', { timeout: 120_000 }, async () => {
  const audiences = ['api #1', `it's "mine"`, '- a: [b', '*alias', 'yes', '12', '{x}', '!tag', '\\n', 'ä\u{1f511}'];
  const folder = await createFolder();
  const setting = `audiences=${audiences.join(',')}`;
  const result = await run(folder, ['init', '--yes', '--setting', setting, '--vendor', 'nudge']);
  expect(result.exitCode, result.output).toBe(0);
  expect(await readYaml(folder)).toMatchObject({ issuers: [{ audiences }] });
  await expectWorkingFiles(folder, ['nudge']);
});

test.each([
  { args: [], message: /no terminal at which to ask; write `--provider`.*`--vendor`, or `--yes`/s },
  { args: ['--yes', '--provider', 'auth00'], message: /`--provider` has an unknown value; did you mean `auth0`\?/ },
  { args: ['--yes', '--vendor', 'nudge,nudgee'], message: /`--vendor` has an unknown value; did you mean `nudge`\?/ },
  { args: ['--yes', '--setting', 'issuer=https://id\nx'], message: /must be one line without control characters/ },
  { args: ['--yes', '--setting', 'issuer='], message: /`--setting issuer=…` must not be empty/ },
  { args: ['--yes', '--setting', 'issuer'], message: /`--setting` must have the form `name=value`/ },
  {
    args: ['--yes', '--setting', 'isuer=a'],
    message: /`--setting isuer=…` is not asked for the identity provider other/,
  },
  { args: ['--yes', '--setting', 'issuer=http://id.example.com'], message: /no file was written:\s+issuers\.0/ },
  { args: ['--yes', '--option', 'vital.region=mars', '--vendor', 'vital'], message: /known are us, eu/ },
  { args: ['--yes', '--option', 'vital.regoin=eu', '--vendor', 'vital'], message: /vital\.regoin=…` is not asked for/ },
  { args: ['--yes', '--verbose'], message: /unknown option '--verbose'/ },
  { args: ['--yes', 'extra'], message: /too many arguments/ },
])('valetkey init $args writes nothing and says why', async ({ args, message }) => {
  const folder = await createFolder();
  const { exitCode, output } = await run(folder, ['init', ...args]);
  expect(output).toMatch(message);
  expect(exitCode).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test('valetkey init overwrites no file without --force, and writes none beside it', async () => {
  const folder = await createFolder();
  await writeFile(join(folder, '.env.example'), 'MINE=1\n');
  const refused = await run(folder, ['init', '--yes']);
  expect(refused).toEqual({ exitCode: 1, output: expect.stringContaining('.env.example exists; add `--force`') });
  expect(await readdir(folder)).toEqual(['.env.example']);
  expect(await readFile(join(folder, '.env.example'), 'utf8')).toBe('MINE=1\n');

  expect(await run(folder, ['init', '--yes', '--force'])).toMatchObject({ exitCode: 0 });
  expect((await readdir(folder)).toSorted()).toEqual(written);
  expect(await readFile(join(folder, '.env.example'), 'utf8')).not.toContain('MINE');
});

test('the commands that valetkey init prints work in its folder, with the secrets in .env', async () => {
  const folder = await createFolder();
  const { output } = await run(folder, ['init', '--yes', '--folder', 'new/broker', '--vendor', 'vital']);
  const target = join(folder, 'new/broker');
  const secrets = await readFile(join(target, '.env.example'), 'utf8');
  await writeFile(join(target, '.env'), secrets.replace('VITAL_API_KEY=', 'VITAL_API_KEY=sk_us_of-the-test'));
  const commands = [...output.matchAll(/^ +node (.*(?:check|test) .*)$/gm)].map(([, line = '']) => line.split(' '));
  expect(commands).toHaveLength(2);
  for (const args of commands) {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: target });
    expect(stdout).toMatch(/can be used|0 decided otherwise/);
  }
});

/** Types lines at a terminal, each when the question before it has been printed. `script` provides the terminal. */
async function typeAtTerminal(folder: string, dialogue: readonly (readonly [RegExp, string])[]) {
  const command = `'${process.execPath}' '${commandFile}' init`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: folder, env: { PATH: process.env['PATH'] } });
  onTestFinished(() => void child.kill('SIGKILL'));
  let printed = '';
  let next = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk;
    const [question, line] = dialogue[next] ?? [];
    if (question === undefined || !question.test(stripVTControlCharacters(printed))) return;
    printed = '';
    next += 1;
    child.stdin.write(line);
  });
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { exitCode, asked: next, printed };
}

test('at a terminal, valetkey init asks for what no flag says, and asks again after a mistake', async () => {
  const folder = await createFolder();
  const result = await typeAtTerminal(folder, [
    [/Who issues .*\[other\] $/s, 'supabase\n'],
    [/url: .*\[https:\S+\] $/s, 'https://qrstuvwxyzabcdefghij.supabase.co\n'],
    [/Which vendors .*\[\w+\] $/s, 'vitel\n'],
    [/did you mean `vital`\?.*\[\w+\] $/s, 'vital\n'],
    [/vital\.environment: .*\[sandbox\] $/s, 'production\n'],
    [/vital\.region: .*us, eu.*\[us\] $/s, '\n'],
  ]);
  expect(result).toMatchObject({ exitCode: 0, asked: 6 });
  expect(await readYaml(folder)).toMatchObject({
    issuers: [{ provider: 'supabase', url: 'https://qrstuvwxyzabcdefghij.supabase.co' }],
    vendors: { vital: { environment: 'production', region: 'us' } },
  });
});

test.each([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s at a question ends valetkey init without a file', async (_name, key) => {
  const folder = await createFolder();
  const { exitCode, asked } = await typeAtTerminal(folder, [[/Who issues .*\[other\] $/s, key]]);
  expect([exitCode, asked]).toEqual([130, 1]);
  expect(await readdir(folder)).toEqual([]);
});
