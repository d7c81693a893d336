import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  adminToken,
  createConfigFor,
  startRecordingBroker,
  type RecordingBroker,
} from '../support/recording-broker.ts';
import { startValetkey } from '../support/valetkey-process.ts';

const supportToken = 'canary-support-token'.padEnd(40, '0');
const header = 'issuer,subject,connection,vendor_user_id\n';

let folder: string;
let sandbox: Sandbox;
let broker: RecordingBroker;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  sandbox = await createSandbox();
});
afterAll(async () => {
  await sandbox.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  const config = createConfigFor(sandbox);
  broker = await startRecordingBroker({
    ...config,
    admin: { ...config.admin, tokens: [{ name: 'support', token: supportToken }] },
    vendors: { ...config.vendors, nabla: { ...config.vendors.nabla, user: { mapping: true } } },
  });
});
afterEach(() => broker[Symbol.asyncDispose]());

/** Runs a command against the broker. */
async function run(
  args: readonly string[],
  environment: Record<string, string> = { VALETKEY_ADMIN_TOKEN: supportToken },
) {
  const isLocal = args.includes('--url');
  await using child = startValetkey([...args, ...(isLocal ? [] : ['--url', broker.adminUrl])], folder, environment);
  const exitCode = await child.exitCode;
  expect(child.output()).not.toContain('canary-');
  return { exitCode, text: child.output(), printed: child.standardOutput() };
}

const alice = () => ['--issuer', sandbox.urls.idp, '--subject', 'alice'];

test('`valetkey block`, `blocked` and `unblock` change and list the blocked users, with the token as actor', async () => {
  expect((await run(['blocked'])).text).toBe('No user is blocked.\n');
  const blocked = await run(['block', ...alice(), '--reason', 'Lost phone\u001b[2J']);
  expect(blocked).toMatchObject({ exitCode: 0, text: 'The user is blocked.\n' });
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  expect((await broker.call('/v1/session', token)).status).toBe(403);

  const [row = '', ...others] = (await run(['blocked', '--issuer', sandbox.urls.idp])).printed.trimEnd().split('\n');
  expect(others).toEqual([]);
  const [issuer, subject, at, actor, reason] = row.split('\t');
  expect([issuer, subject, actor, reason]).toEqual([sandbox.urls.idp, 'alice', 'support', 'Lost phone\\u{1b}[2J']);
  expect(new Date(at ?? '').toISOString()).toBe(at);

  expect(await run(['unblock', ...alice()])).toMatchObject({ exitCode: 0, text: 'The user is no longer blocked.\n' });
  expect((await broker.call('/v1/session', token)).status).toBe(200);
  const again = await run(['unblock', ...alice()]);
  expect(again).toMatchObject({ exitCode: 1, text: expect.stringContaining('This user is not blocked.') });
});

test('`valetkey users map`, `export`, `import` and `list` carry every vendor user from one broker to another', async () => {
  const map = (subject: string, id: string) =>
    run([
      'users',
      'map',
      '--issuer',
      sandbox.urls.idp,
      '--subject',
      subject,
      '--connection',
      'nabla',
      '--vendor-user',
      id,
    ]);
  expect(await map('alice', 'patient "7", é')).toMatchObject({ exitCode: 0, text: 'The vendor user is stored.\n' });
  expect((await map('=bob\nb', 'patient-8')).exitCode).toBe(0);
  const exported = await run(['users', 'export']);
  expect(exported.printed).toBe(
    `${header}${sandbox.urls.idp},"=bob\nb",nabla,patient-8\n${sandbox.urls.idp},alice,nabla,"patient ""7"", é"\n`,
  );
  const listed = (await run(['users', 'list'])).printed;
  expect(listed).toContain(`${sandbox.urls.idp}\t=bob\\u{a}b\tnabla\tpatient-8\n`);

  await writeFile(join(folder, 'exported.csv'), exported.printed);
  await broker[Symbol.asyncDispose]();
  const config = createConfigFor(sandbox);
  broker = await startRecordingBroker({
    ...config,
    vendors: { ...config.vendors, nabla: { ...config.vendors.nabla, user: { mapping: true } } },
  });
  const admin = { VALETKEY_ADMIN_TOKEN: adminToken };
  expect((await run(['users', 'list'], admin)).text).toBe('No vendor user is stored.\n');
  expect(await run(['users', 'import', 'exported.csv'], admin)).toMatchObject({
    exitCode: 0,
    text: '2 of 2 mappings are stored.\n',
  });
  expect((await run(['users', 'list', '--connection', 'nabla'], admin)).printed).toBe(listed);
  expect((await run(['users', 'list', '--connection', 'nowhere'], admin)).exitCode).toBe(1);
});

test('`valetkey users import` stores the valid lines and reports the others by number, and with --dry-run stores none', async () => {
  const { idp } = sandbox.urls;
  const lines = [
    `${idp},alice,nabla,patient-1`,
    `${idp},bob,nabla`,
    `${idp},,nabla,patient-3`,
    `${idp},carol,nowhere,patient-4`,
    `${idp},"two\r\nlines",nabla,patient-5`,
    `${idp},alice,nabla,patient-7`,
    `${idp},dave,nabla,${'x'.repeat(256)}`,
    '',
    `https://other.example.com,erin,nabla,canary-10`,
    `${idp},frank,nabla,patient-11`,
  ];
  await writeFile(join(folder, 'users.csv'), `\ufeff${header.trim()}\r\n${lines.join('\r\n')}`);
  const checked = await run(['users', 'import', 'users.csv', '--dry-run']);
  expect(checked.exitCode).toBe(1);
  expect(checked.printed).toContain('4 of 9 mappings can be stored. Nothing was changed.\n');
  expect((await run(['users', 'list'])).text).toBe('No vendor user is stored.\n');

  const imported = await run(['users', 'import', 'users.csv']);
  expect(imported.exitCode).toBe(1);
  expect(imported.printed.split('\n').map((line) => line.split(/[.(]/)[0])).toEqual([
    '✗ line 3: has 3 fields in place of 4',
    '✗ line 4: subject is empty',
    expect.stringContaining('✗ line 5: '),
    '✗ line 8: names the same user and connection as line 2',
    '✗ line 9: vendor_user_id has more than 255 characters',
    '✗ line 11: No issuer of this name is configured',
    '3 of 9 mappings are stored',
    '',
  ]);
  const { printed } = await run(['users', 'list']);
  expect(printed.match(/patient-\d+/g)?.toSorted()).toEqual(['patient-1', 'patient-11', 'patient-5']);
});

test.each([
  ['other columns', 'issuer,subject\nhttps://id.example.com,canary-1\n', 'the first line of the file must be'],
  ['no text', '', 'the first line of the file must be'],
  ['an open quote', `${header}a,"canary-1,nabla,b\n`, 'the record after line 1 is not CSV'],
  ['a stray quote', `${header}a,b,nabla,c\r\na,canary-1"b,nabla,b\n`, 'the record after line 2 is not CSV'],
])('`valetkey users import` refuses a file with %s and stores nothing', async (_, text, message) => {
  await writeFile(join(folder, 'wrong.csv'), text);
  const refused = await run(['users', 'import', 'wrong.csv']);
  expect(refused).toMatchObject({ exitCode: 1, text: expect.stringContaining(message) });
});

test('the commands read the admin token from a configuration, and explain a missing or wrong token or address', async () => {
  const hash = { sha256: 'a'.repeat(64) };
  const config = (...tokens: unknown[]) =>
    JSON.stringify({
      issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }],
      admin: { tokens: tokens.map((token, index) => ({ name: `operator-${index}`, token })) },
    });
  await writeFile(join(folder, 'config.json'), config(hash, '${env:TOKEN}'));
  await writeFile(join(folder, 'hash.json'), config(hash));
  const withConfig = (file: string) => run(['blocked', '--config', file], { TOKEN: supportToken });
  expect(await withConfig('config.json')).toMatchObject({ exitCode: 0, text: 'No user is blocked.\n' });
  const failures = [
    [await withConfig('hash.json'), 'no admin token; set VALETKEY_ADMIN_TOKEN'],
    [await run(['blocked'], {}), 'no admin token; set VALETKEY_ADMIN_TOKEN'],
    [await run(['blocked'], { VALETKEY_ADMIN_TOKEN: `${supportToken}1` }), 'This is not an admin token.'],
    [await run(['blocked', '--url', 'http://127.0.0.1:9']), 'cannot be reached at http://127.0.0.1:9'],
    [await run(['blocked', '--url', 'http://broker.example.com:8788']), '`--url` must be an https URL'],
    [await run(['blocked', '--url', sandbox.urls.idp]), 'check `--url`'],
    [await run(['block', '--subject', 'alice']), '`--issuer` is missing'],
    [await run(['users', 'import', 'absent.csv']), 'absent.csv cannot be read (ENOENT)'],
  ] as const;
  for (const [{ exitCode, text }, message] of failures) {
    expect(exitCode, text).toBe(1);
    expect(text).toContain(message);
  }
});

test('`valetkey users --help` lists its commands, and each of them has a help text', async () => {
  await using users = startValetkey(['users', '--help'], folder);
  expect(await users.exitCode).toBe(0);
  for (const name of ['list', 'map', 'import', 'export']) {
    expect(users.output()).toMatch(new RegExp(`^ +${name} `, 'm'));
    await using help = startValetkey(['users', name, '--help'], folder);
    expect(await help.exitCode).toBe(0);
    for (const part of [`Usage: valetkey users ${name} `, '--url <url>', '--config <file>', 'Exit code:']) {
      expect(help.output()).toContain(part);
    }
  }
  expect(await readFile(new URL('../../README.md', import.meta.url), 'utf8')).toContain('valetkey users import');
});

test('`valetkey users forget` erases the vendor users, the block and the decisions of a user, and names itself in the audit', async () => {
  await run(['users', 'map', ...alice(), '--connection', 'nabla', '--vendor-user', 'patient-of-alice']);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  expect((await broker.call('/v1/vendors/nabla/token', token, { method: 'POST' })).status).toBe(200);
  await run(['block', ...alice()]);
  const forgotten = await run(['users', 'forget', ...alice()]);
  expect(forgotten).toMatchObject({
    exitCode: 0,
    text: expect.stringMatching(/1 vendor user and \d+ decisions\.\n.*no longer/),
  });
  const { text } = await run(['audit', 'export']);
  expect(text).not.toMatch(/alice|patient-of-alice/);
  expect(text).toMatch(/"operation":"forget".*"actor":"support"/);
  expect((await run(['users', 'list'])).text).toBe('No vendor user is stored.\n');
});
