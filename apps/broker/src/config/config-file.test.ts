import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ConfigError } from './config-error.ts';
import { readConfigFile, refuseSandboxCredentials } from './config-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function createFile(name: string, text: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

/** Returns a text as PowerShell writes it into a file. */
const inUtf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');

describe('readConfigFile', () => {
  test.each(['latin1.json', 'latin1.yaml'])('readConfigFile names the encoding that %s must have', async (name) => {
    const path = await createFile(name, Buffer.from('{"key": "caf\xe9"}', 'latin1'));
    await expect(readConfigFile(path)).rejects.toThrow(`${name}: is not text in UTF-8; save it in this encoding`);
  });

  test('readConfigFile reads a file of a reference in UTF-16, and refuses one in another encoding', async () => {
    const readKey = async (bytes: Buffer) => {
      const path = await createFile('key', bytes);
      return readConfigFile(await createFile('reference.json', JSON.stringify({ key: `${'${'}file:${path}}` })));
    };
    expect(await readKey(inUtf16('key-1\r\n'))).toEqual({ key: 'key-1' });
    await expect(readKey(Buffer.from('caf\xe9', 'latin1'))).rejects.toThrow(
      /^[^]*key: the file .* is not text in UTF-8/,
    );
  });

  test.each([
    ['config.json', '{"listen":{"port":1}}'],
    ['config.yaml', 'listen: { port: 1 }'],
    ['marked.json', '\uFEFF{"listen":{"port":1}}'],
    ['marked.yaml', '\uFEFFlisten: { port: 1 }'],
    ['marked.mjs', '\uFEFFexport default { listen: { port: 1 } };'],
    ['utf-16.json', inUtf16('{"listen":{"port":1}}')],
    ['utf-16.yaml', inUtf16('listen: { port: 1 }')],
    ['big-endian.yaml', inUtf16('listen: { port: 1 }').swap16()],
    ['config.ts', 'const port: number = 1;\nexport default { listen: { port } };'],
    ['config.mjs', 'export default { listen: { port: 1 } };'],
  ])('readConfigFile reads %s', async (name, text) => {
    expect(await readConfigFile(await createFile(name, text))).toEqual({ listen: { port: 1 } });
  });

  test.each([
    ['broken.json', '{"key": canary-1b7e'],
    ['broken.yaml', 'key: [canary-1b7e'],
    ['broken.mjs', 'export default canary-1b7e;;;('],
    ['config.toml', 'key = "canary-1b7e"'],
    ['tagged.yaml', 'key: !secret canary-1b7e'],
    ['empty.mjs', 'export const key = "canary-1b7e";'],
  ])('readConfigFile rejects %s without quoting its text', async (name, text) => {
    const failure = readConfigFile(await createFile(name, text));
    await expect(failure).rejects.toThrow(ConfigError);
    await expect(failure).rejects.not.toThrow(/canary/);
  });

  test('readConfigFile rejects a YAML tag with its line, and prints no warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const failure = readConfigFile(await createFile('tag.yaml', 'a: 1\nkey: !secret canary-1b7e'));
    await expect(failure).rejects.toThrow(/tag\.yaml: is not plain YAML at line 2 \(TAG_RESOLVE_FAILED\)/);
    expect(warn).not.toHaveBeenCalled();
  });

  test.each([
    ['{"a": canary}', 1],
    ['{\n  "a": 1\n  "canary": 2\n}', 3],
    ['{\n  "a": 1,\n}', 3],
    ['{\n  // canary\n  "a": 1\n}', 2],
    ['{\n  "a": "canary\n}', 2],
    ['{\n  "a": tru,\n  "b": 1\n}', 2],
    ['{\n  "a": {\n    "b": 1\n', 3],
    ['{\n  "a": 1\n}\n}', 4],
    ["{\n\n\n  'canary': 1\n}", 4],
    ['', 1],
  ])('readConfigFile names, for the text %j, the line %i at which it is not JSON', async (text, line) => {
    const path = await createFile('wrong.json', text);
    await expect(readConfigFile(path)).rejects.toMatchObject({ problems: [`${path}: is not JSON at line ${line}`] });
  });

  test.each([
    ['vendors:\n  nudge: { apiKey: ${env:KEY} }', 2, 'UNEXPECTED_TOKEN'],
    ['list: [${file:/key}]', 1, 'MISSING_CHAR'],
    ['a: 1\nkey: ${env: KEY}', 2, 'BLOCK_AS_IMPLICIT_KEY'],
    ['a: 1\nlist:\n  - { id: a, secret: ${env:KEY} }\nb: 2', 3, 'UNEXPECTED_TOKEN'],
    ['a: { key: x-${env:KEY}, b: 1 }', 1, 'UNEXPECTED_TOKEN'],
  ])(
    'readConfigFile advises to put the reference in %j in quotes, because it is not YAML without',
    async (text, line, code) => {
      const path = await createFile('reference.yaml', text);
      const problem = `${path}: is not plain YAML at line ${line} (${code}); put each reference in quotes: '\${env:NAME}'`;
      await expect(readConfigFile(path)).rejects.toMatchObject({ problems: [problem] });
    },
  );

  test('readConfigFile advises to put a reference that is not JSON in quotes', async () => {
    const path = await createFile('reference.json', '{\n  "a": 1,\n  "key": ${env:KEY}\n}');
    const problem = `${path}: is not JSON at line 3; put each reference in quotes: "\${env:NAME}"`;
    await expect(readConfigFile(path)).rejects.toMatchObject({ problems: [problem] });
  });

  test('readConfigFile does not print the name of an error that a file throws, if it is not the name of a class', async () => {
    const text = "throw Object.assign(new Error('canary'), { name: 'sk-live canary' });";
    const failure = readConfigFile(await createFile('throws.mjs', text));
    await expect(failure).rejects.toThrow(/cannot be read.* \(Error\)$/);
    await expect(failure).rejects.not.toThrow(/canary/);
  });

  test('readConfigFile names the absolute path of a missing file', async () => {
    const problems = [`none.yaml: cannot be read (ENOENT); tried ${resolve('none.yaml')}`];
    await expect(readConfigFile('none.yaml')).rejects.toMatchObject({ problems });
  });

  test.each(['none.json', 'none.yaml', 'none.ts', 'none.mjs'])(
    'readConfigFile rejects the missing file %s with ENOENT',
    async (name) => {
      await expect(readConfigFile(join(folder, name))).rejects.toThrow(/ENOENT/);
    },
  );
});

test('refuseSandboxCredentials throws an error that names every sandbox credential with advice, and accepts other values', () => {
  const config = {
    admin: { token: 'sandbox-only-admin-token' },
    issuers: [{ introspection: { clientSecret: 'x-sandbox-only' } }],
    vendors: {
      'nudge-eu': { apiKey: { current: 'real', next: 'sandbox-only-key' } },
      nabla: { 'sk-live': 'sandbox-only' },
    },
  };
  expect(() => refuseSandboxCredentials(config)).toThrow(
    new ConfigError([
      'admin.token: is a credential of the sandbox, which is public; create one of your own',
      'issuers.0.introspection.clientSecret: is a credential of the sandbox, which is public; create one of your own',
      'vendors.nudge-eu.apiKey.next: is a credential of the sandbox, which is public; set the one that the vendor gave you',
      'vendors.nabla.(hidden name): is a credential of the sandbox, which is public; set the one that the vendor gave you',
    ]),
  );
  const real = { adapters: [{ text: 'sandbox-only' }], vendors: { nudge: { apiKey: 'real' } }, list: [1, null] };
  expect(() => refuseSandboxCredentials(real)).not.toThrow();
});
