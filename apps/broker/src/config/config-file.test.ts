import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ConfigError } from './config-error.ts';
import { readConfigFile, refuseSandboxCredentials } from './config-file.ts';
import { resolveReferences } from './references.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('readConfigFile', () => {
  test.each([
    ['config.json', '{"listen":{"port":1}}'],
    ['config.yaml', 'listen: { port: 1 }'],
    ['config.ts', 'const port: number = 1;\nexport default { listen: { port } };'],
    ['config.mjs', 'export default { listen: { port: 1 } };'],
  ])('reads %s', async (name, text) => {
    expect(await readConfigFile(await fileOf(name, text))).toEqual({ listen: { port: 1 } });
  });

  test.each([
    ['broken.json', '{"key": canary-1b7e'],
    ['broken.yaml', 'key: [canary-1b7e'],
    ['broken.mjs', 'export default canary-1b7e;;;('],
    ['config.toml', 'key = "canary-1b7e"'],
    ['tagged.yaml', 'key: !secret canary-1b7e'],
    ['empty.mjs', 'export const key = "canary-1b7e";'],
  ])('refuses %s without quoting it', async (name, text) => {
    const failure = readConfigFile(await fileOf(name, text));
    await expect(failure).rejects.toThrow(ConfigError);
    await expect(failure).rejects.not.toThrow(/canary/);
  });

  test('says where YAML is not plain, and prints nothing', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const failure = readConfigFile(await fileOf('tag.yaml', 'a: 1\nkey: !secret canary-1b7e'));
    await expect(failure).rejects.toThrow(/tag\.yaml: is not plain YAML at line 2 \(TAG_RESOLVE_FAILED\)/);
    expect(warn).not.toHaveBeenCalled();
  });

  test.each(['none.json', 'none.yaml', 'none.ts', 'none.mjs'])('says that %s is not there', async (name) => {
    await expect(readConfigFile(join(folder, name))).rejects.toThrow(/ENOENT/);
  });
});

describe('resolveReferences', () => {
  const sources = {
    environment: { KEY: 'k', EMPTY: '' },
    readTextFile: async (path: string) => {
      if (path !== '/run/secrets/key') throw new Error('no');
      return 'from-file\n';
    },
  };

  test('finds variables and files, whole and within a text, at any depth', async () => {
    const value = { a: ['${env:KEY}', { b: 'x-${env:KEY}-${file:/run/secrets/key}' }], port: 1, none: null };
    expect(await resolveReferences(value, sources)).toEqual({ a: ['k', { b: 'x-k-from-file' }], port: 1, none: null });
  });

  test('what a reference holds is not read as a reference again', async () => {
    expect(await resolveReferences('${env:A}', { environment: { A: '${env:KEY}$&' } })).toBe('${env:KEY}$&');
  });

  test('names each field whose reference leads nowhere', async () => {
    const failure = resolveReferences({ a: { b: '${env:NONE}' }, c: ['${file:/gone}'], d: '${env:EMPTY}' }, sources);
    await expect(failure).rejects.toMatchObject({
      problems: [
        'a.b: the environment variable NONE is not set',
        'd: the environment variable EMPTY is not set',
        'c.0: the file /gone cannot be read',
      ],
    });
  });
});

test.each(['${NUDGE_KEY}', '${ENV:KEY}', '${env:}', 'x-${secret:canary}'])(
  '%s is a slip of the pen, and no secret',
  async (text) => {
    await expect(resolveReferences({ vendors: { nudge: { apiKey: text } } })).rejects.toMatchObject({
      problems: ['vendors.nudge.apiKey: has a `${…}` that is neither `${env:NAME}` nor `${file:path}`'],
    });
  },
);

test('credentials of the sandbox are refused by their field', () => {
  expect(() => refuseSandboxCredentials({ vendors: { nudge: { apiKey: 'sandbox-only-key' } } })).toThrow(
    'vendors.nudge.apiKey',
  );
  expect(() => refuseSandboxCredentials({ vendors: { nudge: { apiKey: 'real' } }, list: [1, null] })).not.toThrow();
});
