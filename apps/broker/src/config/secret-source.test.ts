import { chmod, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { SecretSlots } from '@valetkey/core-types';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSimulatedVault, type SimulatedVault } from '../../test/support/simulated-vault.ts';
import { describeFile } from './file-facts.ts';
import { openSecretSource, type RefreshedConfig } from './secret-source.ts';

let folder: string;
let vault: SimulatedVault;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  vault = await createSimulatedVault();
  vault.put('secret/data/nudge', { apiKey: 'canary-first-5d21' });
  await writeConfig('${vault:secret/data/nudge#apiKey}');
});
afterEach(async () => {
  await vault[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const file = () => join(folder, 'valetkey.config.json');

async function writeConfig(apiKey: string): Promise<void> {
  const { roleId, secretId } = vault.logins;
  const config = {
    egress: { proxy: false },
    secrets: { vault: { url: vault.url, auth: { appRole: { roleId, secretId } } } },
    issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }],
    vendors: { nudge: { apiKey } },
  };
  await writeFile(file(), JSON.stringify(config));
}

const keyOf = ({ config }: RefreshedConfig): string | undefined =>
  (config.connections[0]?.options['apiKey'] as SecretSlots | undefined)?.current.reveal();

test('refresh resolves with a new configuration, and leaves the one before unchanged', async () => {
  const source = openSecretSource(file());
  const first = await source.refresh();
  vault.put('secret/data/nudge', { apiKey: 'canary-second-5d21' });
  const second = await source.refresh();
  await source.close();
  expect([keyOf(first), keyOf(second)]).toEqual(['canary-first-5d21', 'canary-second-5d21']);
  expect(second.uses.find(({ kind }) => kind === 'vault')).toMatchObject({ version: '2' });
});

test('refresh reads the file again, and rejects as a whole if one reference cannot be read', async () => {
  const source = openSecretSource(file());
  const first = await source.refresh();
  await writeConfig('${vault:secret/data/none#apiKey}');
  await expect(source.refresh()).rejects.toMatchObject({
    name: 'ConfigError',
    problems: [expect.stringMatching(/^vendors\.nudge\.apiKey: \$\{vault:secret\/data\/none#apiKey\} cannot be read/)],
  });
  await writeConfig('${vault:secret/data/nudge#apiKey}');
  const third = await source.refresh();
  await source.close();
  expect([keyOf(first), keyOf(third)]).toEqual(['canary-first-5d21', 'canary-first-5d21']);
  expect(vault.requests.filter((request) => request.endsWith('/login'))).toHaveLength(1);
});

test('refresh that is called twice at the same time resolves twice with one login', async () => {
  const source = openSecretSource(file());
  const both = await Promise.all([source.refresh(), source.refresh()]);
  await source.close();
  expect(both.map(keyOf)).toEqual(['canary-first-5d21', 'canary-first-5d21']);
  expect(vault.requests.filter((request) => request.endsWith('/login'))).toHaveLength(1);
});

test('neither the source nor what it resolves with shows a secret', async () => {
  const source = openSecretSource(file());
  const refreshed = await source.refresh();
  const shown = inspect([source, refreshed], { depth: 12, showHidden: true }) + JSON.stringify(refreshed);
  await source.close();
  expect(shown).not.toMatch(/canary|sim-secret-id|hvs\./);
});

test('a source lists the files that it read or tried to read, and the facts of each from before it read it', async () => {
  const recipe = join(folder, 'acme.yaml');
  const secret = join(folder, 'secret');
  await writeFile(secret, 'canary-of-a-file');
  await writeFile(
    file(),
    JSON.stringify({
      issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }],
      vendors: { nudge: { apiKey: `\${file:${secret}}` }, acme: { recipe: './acme.yaml', apiKey: 'a' } },
    }),
  );
  const source = openSecretSource(file());
  await expect(source.refresh()).rejects.toThrow(/acme\.yaml: cannot be read \(ENOENT\)/);
  const before = source.files();
  expect([...before.keys()].toSorted()).toEqual([recipe, secret, file()].toSorted());
  expect(before.get(recipe)).toBe('ENOENT');
  expect(before.get(secret)).toBe(await describeFile(secret));
  await writeFile(`${secret}.new`, 'canary-of-a-file');
  await rename(`${secret}.new`, secret);
  expect(before.get(secret)).not.toBe(await describeFile(secret));
  await expect(source.refresh()).rejects.toThrow(/acme\.yaml/);
  expect(source.files().get(secret)).toBe(await describeFile(secret));
  await source.close();
});

test('the facts of a symbolic link are those of the file that it leads to, and a change of the mode changes them', async () => {
  await writeFile(join(folder, 'one'), 'same');
  await writeFile(join(folder, 'two'), 'same');
  const link = join(folder, 'link');
  await symlink('one', link);
  const first = await describeFile(link);
  expect(first).toBe(await describeFile(join(folder, 'one')));
  await symlink('two', `${link}.new`);
  await rename(`${link}.new`, link);
  expect(await describeFile(link)).not.toBe(first);
  const second = await describeFile(link);
  await chmod(join(folder, 'two'), 0o666);
  expect(await describeFile(link)).not.toBe(second);
});
