import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ConfigError } from './config-error.ts';
import { resolveReferences } from './references.ts';

const sources = {
  environment: { KEY: 'k', EMPTY: '' },
  readTextFile: async (path: string) => {
    if (path !== '/run/secrets/key') throw Object.assign(new Error('canary-of-the-file-system'), { code: 'ENOENT' });
    return 'from-file\n';
  },
};

test('resolveReferences replaces references to variables and files, alone or inside a longer text, at any depth', async () => {
  const value = { a: ['${env:KEY}', { b: 'x-${env:KEY}-${file:/run/secrets/key}' }], port: 1, none: null };
  expect(await resolveReferences(value, sources)).toEqual({ a: ['k', { b: 'x-k-from-file' }], port: 1, none: null });
});

test.each([
  ['${env:A}', '${env:KEY}$&'],
  ['${env:A}-${env:KEY}', '${env:KEY}$&-k'],
  ['${env:A}${env:A}', '${env:KEY}$&${env:KEY}$&'],
])('resolveReferences does not resolve references inside a resolved value (%s)', async (text, expected) => {
  expect(await resolveReferences(text, { environment: { A: '${env:KEY}$&', KEY: 'k' } })).toBe(expected);
});

test('resolveReferences names every field whose variable is unset or empty, or whose file cannot be read', async () => {
  const value = { a: { b: '${env:NONE}' }, c: ['${file:/missing}'], d: '${env:EMPTY}' };
  const failure = resolveReferences(value, sources);
  await expect(failure).rejects.toMatchObject({
    problems: [
      'a.b: the environment variable NONE is not set or is empty',
      'd: the environment variable EMPTY is not set or is empty',
      'c.0: the file /missing cannot be read (ENOENT)',
    ],
  });
  await expect(failure).rejects.not.toThrow(/canary/);
});

test.each(['constructor', '__proto__', 'toString'])(
  'resolveReferences does not mistake the inherited property %s for an environment variable',
  async (name) => {
    const problems = [`key: the environment variable ${name} is not set or is empty`];
    await expect(resolveReferences({ key: `\${env:${name}}` }, sources)).rejects.toMatchObject({ problems });
    // Without `environment`, the environment of this process is used.
    await expect(resolveReferences({ key: `\${env:${name}}` })).rejects.toMatchObject({ problems });
  },
);

test.each([
  '{env:KEY}',
  '{{env:KEY}}',
  '{ file:/canary }',
  '{vault:secret/data/nudge#key}',
  '{{ NUDGE }}',
  '{{NUDGE}}',
])('resolveReferences rejects %s, which YAML reads as an object', async (text) => {
  const value: unknown = parse(`vendors: { nudge: { apiKey: ${text} } }`, { logLevel: 'error' });
  await expect(resolveReferences(value)).rejects.toMatchObject({
    problems: ["vendors.nudge.apiKey: is an object; write a reference as '${env:NAME}'"],
  });
});

test.each([
  '${NUDGE_KEY}',
  '${ENV:KEY}',
  '${env:}',
  'x-${secret:canary}',
  '$ {env:KEY}',
  '{env:KEY}',
  '${env:KEY',
  '${aws:nudge#key}',
  '${Vault:secret/data/nudge#key}',
  '{vault:secret/data/nudge#key}',
  '${aws-sm:nudge#key',
])('resolveReferences rejects the misspelt reference %s instead of using it as a secret', async (text) => {
  await expect(resolveReferences({ vendors: { nudge: { apiKey: text } } })).rejects.toMatchObject({
    problems: [
      'vendors.nudge.apiKey: has a `${…}` that is none of `${env:NAME}`, `${file:path}`, `${vault:path#field}` and `${aws-sm:name#field}`',
    ],
  });
});

test.each(['secrets/key', './key', '../key'])(
  'resolveReferences names the absolute path of the file %s that cannot be read',
  async (path) => {
    await expect(resolveReferences({ key: `\${file:${path}}` }, sources)).rejects.toMatchObject({
      problems: [`key: the file ${path} cannot be read (ENOENT); tried ${resolve(path)}`],
    });
  },
);

test.each([
  '$NUDGE',
  '$nudge_key',
  '$(NUDGE)',
  '$env:NUDGE',
  '%NUDGE%',
  '{{ NUDGE }}',
  '{{NUDGE}}',
  'env:NUDGE',
  'file:/run/secrets/nudge',
  '$file:/run/secrets/nudge',
  'process.env.NUDGE',
  ' $NUDGE ',
  '#{NUDGE}#',
  '%{NUDGE}',
  'env(NUDGE)',
  'getenv("NUDGE")',
  'op://vault/nudge/key',
  'ref+vault://secret/nudge#key',
  'vault:secret/data/nudge#key',
  '$vault:secret/data/nudge#key',
  'aws-sm:nudge#key',
  'arn:aws:secretsmanager:eu-west-1:123456789012:secret:nudge',
  'arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/nudge',
  'projects/1/secrets/nudge/versions/latest',
  '@Microsoft.KeyVault(SecretUri=https://vault.example.com/secrets/nudge)',
  'ENC[AES256_GCM,data:abc,type:str]',
  '/run/secrets/nudge',
  '@/run/secrets/nudge',
  '/var/run/secrets/nudge',
])('resolveReferences rejects %s, which looks like a reference of another language', async (text) => {
  await expect(resolveReferences({ vendors: { nudge: { apiKey: text } } })).rejects.toMatchObject({
    problems: [
      "vendors.nudge.apiKey: looks like a reference, but the broker reads only '${env:NAME}', '${file:path}', '${vault:path#field}' and '${aws-sm:name#field}'",
    ],
  });
});

test.each([
  '$',
  'a$b',
  '$1abc',
  '100%',
  '%',
  'a%b%c',
  'environment',
  '/$batch',
  'vault:alice',
  'urn:op:example',
  '/run/valetkey/valetkey.sqlite',
  'projects/1',
  'env',
  '#{',
  '"',
  '"quoted in the configuration"',
  'https://env:secret@host',
  'file',
  '$a.b',
])('resolveReferences accepts %s, which is no reference', async (text) => {
  expect(await resolveReferences({ key: text })).toEqual({ key: text });
});

test.each([
  ['${env:KEY}', { KEY: '"canary"' }, 'the environment variable KEY'],
  ['Bearer ${env:KEY}', { KEY: "'canary'" }, 'the environment variable KEY'],
  ['${env:KEY}', { KEY: ' `canary`\n' }, 'the environment variable KEY'],
  ['${env:KEY}', { KEY: '""' }, 'the environment variable KEY'],
  ['${file:/run/secrets/key}', {}, 'the file'],
])(
  'resolveReferences refuses %j with the environment %j, whose quotes would be a part of the secret',
  async (...args) => {
    const [text, environment, named] = args;
    const failure = resolveReferences({ key: text }, { environment, readTextFile: async () => '"canary"\n' });
    await expect(failure).rejects.toMatchObject({
      problems: [`key: the value of ${named} is in quotes; remove them (\`docker --env-file\` keeps quotes)`],
    });
  },
);

test.each([
  '"-----BEGIN PRIVATE KEY-----\\nAA==\\n-----END PRIVATE KEY-----"',
  'a"b"',
  '"a"b"',
  '"',
  '{"a":"b"}',
  '["a"]',
  '"a\'',
])('resolveReferences accepts the value %s, which is not in one pair of quotes', async (value) => {
  expect(await resolveReferences('${env:KEY}', { environment: { KEY: value } })).toBe(value);
});

test('resolveReferences does not change adapters', async () => {
  const adapters = [{ id: 'acme', template: '${user.id}', pattern: /x/ }];
  expect(await resolveReferences({ adapters }, sources)).toEqual({ adapters });
});

test('resolveReferences resolves references in an object without a prototype', async () => {
  const nested = Object.assign(Object.create(null) as object, { key: '${env:KEY}' });
  expect(await resolveReferences({ nested }, sources)).toEqual({ nested: { key: 'k' } });
});

test('resolveReferences resolves references in an object of another realm', async () => {
  const nested: unknown = runInNewContext("({ key: '${env:KEY}' })");
  expect(await resolveReferences({ nested }, sources)).toEqual({ nested: { key: 'k' } });
});

test('resolveReferences names each instance of a class, `__proto__` and object that contains itself', async () => {
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  const value = {
    list: [/canary/, new Date()],
    vendors: { 'vital-us': { apiKey: new URL('https://canary.example') } },
    own: JSON.parse('{"__proto__":{"isCanary":true},"a":{"__proto__":1}}') as unknown,
    loop,
  };
  const failure = resolveReferences(value, sources);
  await expect(failure).rejects.toMatchObject({
    problems: [
      'list.0: must be plain data, not an instance of a class',
      'list.1: must be plain data, not an instance of a class',
      'vendors.vital-us.apiKey: must be plain data, not an instance of a class',
      'own: has a field `__proto__`, which is not allowed',
      'own.a: has a field `__proto__`, which is not allowed',
      'loop.self: contains itself',
    ],
  });
  await expect(failure).rejects.not.toThrow(/canary/);
  expect({}).not.toHaveProperty('isCanary');
});

test('resolveReferences prints neither the name of a field nor the name of a variable that may be a secret', async () => {
  const value = { vendors: { 'sk-live-canary': '${env:NONE}', nabla: { 'sk-live-canary': '${env:sk-live-canary}' } } };
  await expect(resolveReferences(value, sources)).rejects.toMatchObject({
    problems: [
      'vendors.(hidden name): the environment variable NONE is not set or is empty',
      'vendors.nabla.(hidden name): the environment variable of its reference is not set or is empty',
    ],
  });
});

test('resolveReferences accepts a system query option of OData in the query of an allowed call, and nowhere else', async () => {
  const allow = [{ method: 'GET', path: '/Patients({claim:id})', query: ['$select'] }];
  expect(await resolveReferences({ vendors: { nymbl: { allow } } })).toEqual({ vendors: { nymbl: { allow } } });
  for (const vendor of [{ apiKey: '$select' }, { allow: [{ path: '$select' }] }, { allow: [{ query: ['$SELECT'] }] }]) {
    await expect(resolveReferences({ vendors: { nymbl: vendor } })).rejects.toThrow('looks like a reference');
  }
});

test('resolveReferences accepts the path of a mounted file only in the field that names one', async () => {
  const kubernetes = { role: 'broker', tokenFile: '/var/run/secrets/tokens/vault' };
  const secrets = { vault: { auth: { kubernetes } } };
  expect(await resolveReferences({ secrets })).toEqual({ secrets });
  await expect(resolveReferences({ secrets: { vault: { auth: { token: kubernetes.tokenFile } } } })).rejects.toThrow(
    'looks like a reference',
  );
});

test('resolveReferences refuses a pipe, a device, a folder and a file that is too long, without waiting for any', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await mkdir(join(folder, 'folder'));
  await writeFile(join(folder, 'long'), 'x'.repeat(1_048_577));
  await writeFile(join(folder, 'longest'), 'x'.repeat(1_048_576));
  const read = (path: string) =>
    resolveReferences({ key: `\${file:${path}}` }).then(
      () => 'read',
      (error: unknown) => (error as ConfigError).problems.join(),
    );
  const inFolder = (name: string) => read(join(folder, name));
  const found = await Promise.all([
    inFolder('pipe'),
    read('/dev/zero'),
    inFolder('folder'),
    inFolder('long'),
    inFolder('longest'),
  ]);
  await rm(folder, { recursive: true });
  expect(found).toEqual([
    `key: the file ${folder}/pipe is not a regular file`,
    'key: the file /dev/zero is not a regular file',
    `key: the file ${folder}/folder cannot be read (EISDIR)`,
    `key: the file ${folder}/long has more than 1048576 bytes`,
    'read',
  ]);
});
