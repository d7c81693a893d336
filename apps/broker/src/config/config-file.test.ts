import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ConfigError } from './config-error.ts';
import { readConfigFile, refuseSandboxCredentials } from './config-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function createFile(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('readConfigFile', () => {
  test.each([
    ['config.json', '{"listen":{"port":1}}'],
    ['config.yaml', 'listen: { port: 1 }'],
    ['marked.json', '\uFEFF{"listen":{"port":1}}'],
    ['marked.yaml', '\uFEFFlisten: { port: 1 }'],
    ['marked.mjs', '\uFEFFexport default { listen: { port: 1 } };'],
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

  test.each(['none.json', 'none.yaml', 'none.ts', 'none.mjs'])(
    'readConfigFile rejects the missing file %s with ENOENT',
    async (name) => {
      await expect(readConfigFile(join(folder, name))).rejects.toThrow(/ENOENT/);
    },
  );
});

test('refuseSandboxCredentials throws an error that names the field of a sandbox credential, and accepts other values', () => {
  expect(() => refuseSandboxCredentials({ vendors: { nudge: { apiKey: 'sandbox-only-key' } } })).toThrow(
    'vendors.nudge.apiKey',
  );
  expect(() => refuseSandboxCredentials({ vendors: { nudge: { apiKey: 'real' } }, list: [1, null] })).not.toThrow();
});
