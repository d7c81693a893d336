import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findSecrets } from '../support/find-secrets.ts';
import { createConfigFor } from '../support/recording-broker.ts';
import { awsCredentials, createdSeconds, createSimulatedSecretsManager } from '../support/simulated-secrets-manager.ts';
import { createdTime, createSimulatedVault, type SimulatedVault } from '../support/simulated-vault.ts';
import { startValetkey } from '../support/valetkey-process.ts';

let folder: string;
let vault: SimulatedVault;
let aws: Awaited<ReturnType<typeof createSimulatedSecretsManager>>;
let sandbox: Sandbox;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-secrets-'));
  [vault, aws, sandbox] = await Promise.all([createSimulatedVault(), createSimulatedSecretsManager(), createSandbox()]);
  vault.put('secret/data/nudge', { apiKey: secrets.fromVault, next: secrets.nextFromVault });
  aws.put('prod/vital', { apiKey: secrets.fromAws });
  await writeFile(join(folder, 'admin-token'), secrets.fromFile, { mode: 0o600 });
  await utimes(join(folder, 'admin-token'), 1_763_000_000, 1_763_000_000);
  await writeFile(join(folder, 'good.json'), JSON.stringify(createConfig()));
});
afterAll(async () => {
  await Promise.all([vault[Symbol.asyncDispose](), aws[Symbol.asyncDispose](), sandbox.close()]);
  await rm(folder, { recursive: true });
});

const secrets = {
  fromVault: 'canary-of-vault-5d21-aa',
  nextFromVault: 'canary-of-vault-next-5d21-bb',
  fromAws: 'sk_us_canary-of-aws-5d21-cc',
  fromFile: 'canary-of-a-file-with-32-characters-5d21-dd',
  fromEnvironment: 'canary-of-the-environment-5d21-ee-ff-gg-hh',
  literal: 'canary-in-the-configuration-5d21-ii-jj-kk',
};

function createConfig(extra: object = {}) {
  return {
    listen: { port: 0 },
    admin: { port: 0, token: '${file:admin-token}', tokens: [{ name: 'support', token: '${env:SUPPORT_TOKEN}' }] },
    store: { sqlite: ':memory:' },
    egress: { proxy: false },
    secrets: {
      vault: { url: vault.url, auth: { appRole: { roleId: vault.logins.roleId, secretId: '${env:SECRET_ID}' } } },
      awsSecretsManager: { region: 'eu-west-1', endpoint: aws.url },
    },
    audit: { key: secrets.literal },
    issuers: createConfigFor(sandbox).issuers,
    vendors: {
      nudge: {
        baseUrl: sandbox.urls.nudge,
        apiKey: { current: '${vault:secret/data/nudge#apiKey}', next: '${vault:secret/data/nudge#next}' },
      },
      vital: {
        baseUrl: sandbox.urls.vital,
        apiKey: '${aws-sm:prod/vital#apiKey}',
        environment: 'sandbox',
        region: 'us',
      },
      ...extra,
    },
  };
}

const environment = () => ({
  ...awsCredentials,
  SECRET_ID: vault.logins.secretId,
  SUPPORT_TOKEN: secrets.fromEnvironment,
});

const leaked = (printed: string): string[] =>
  findSecrets({ ...secrets, ...vault.logins, awsKey: awsCredentials.AWS_SECRET_ACCESS_KEY }, { printed }).filter(
    // The ids of the roles are names, not secrets.
    (found) => !found.startsWith('role'),
  );

test('`valetkey secrets` lists each use of a secret with its source, version, age and slot, and no value', async () => {
  await using listing = startValetkey(['secrets', '--config', 'good.json'], folder, environment());
  expect(await listing.exitCode, listing.output()).toBe(0);
  const lines = listing.output().trimEnd().split('\n');
  expect(lines.map((line) => line.replaceAll(/\d+ days/g, 'N days'))).toEqual([
    'admin.token: ${file:admin-token}, changed N days ago',
    'admin.tokens.0.token: ${env:SUPPORT_TOKEN}',
    'secrets.vault.auth.appRole.secretId: ${env:SECRET_ID}',
    'audit.key: in the configuration file itself',
    'vendors.nudge.apiKey (current): ${vault:secret/data/nudge#apiKey}, version 1, created N days ago',
    'vendors.nudge.apiKey (next): ${vault:secret/data/nudge#next}, version 1, created N days ago',
    'vendors.vital.apiKey: ${aws-sm:prod/vital#apiKey}, version 7e57-1, created N days ago',
  ]);
  expect(leaked(listing.output())).toEqual([]);
});

test('`valetkey secrets --json` prints the same list for programs', async () => {
  await using listing = startValetkey(['secrets', '--config', 'good.json', '--json'], folder, environment());
  expect(await listing.exitCode, listing.output()).toBe(0);
  const uses = JSON.parse(listing.standardOutput()) as { field: string }[];
  const useOf = (wanted: string) => uses.find(({ field }) => field === wanted);
  expect(uses).toHaveLength(7);
  expect(useOf('vendors.nudge.apiKey')).toEqual({
    field: 'vendors.nudge.apiKey',
    slot: 'current',
    source: 'vault',
    reference: '${vault:secret/data/nudge#apiKey}',
    version: '1',
    changedAt: new Date(createdTime).toISOString(),
    ageSeconds: expect.any(Number) as unknown,
  });
  expect(useOf('vendors.vital.apiKey')).toMatchObject({
    source: 'aws-sm',
    changedAt: new Date(createdSeconds * 1_000).toISOString(),
  });
  expect(useOf('audit.key')).toMatchObject({ source: 'configuration', reference: null, ageSeconds: null });
  expect(leaked(listing.output())).toEqual([]);
});

test.each(['check', 'doctor'])(
  '`valetkey %s` reports every reference that cannot be read, and prints no value',
  async (command) => {
    const more = {
      nabla: { serverKey: '${vault:secret/data/nabla#key}' },
      nymbl: { apiKey: '${aws-sm:prod/nymbl#key}' },
    };
    await writeFile(join(folder, 'bad.json'), JSON.stringify(createConfig(more)));
    await using failing = startValetkey([command, '--config', 'bad.json'], folder, environment());
    expect(await failing.exitCode).toBe(1);
    expect(failing.output()).toContain(
      'vendors.nabla.serverKey: ${vault:secret/data/nabla#key} cannot be read: Vault has no such secret',
    );
    expect(failing.output()).toContain(
      'vendors.nymbl.apiKey: ${aws-sm:prod/nymbl#key} cannot be read: AWS Secrets Manager has no such secret',
    );
    expect(leaked(failing.output())).toEqual([]);
  },
);

test('`valetkey check` accepts a configuration whose references can be read, and `doctor` names the secret managers', async () => {
  await using check = startValetkey(['check', '--config', 'good.json'], folder, environment());
  expect(await check.exitCode, check.output()).toBe(0);
  await using doctor = startValetkey(['doctor', '--config', 'good.json'], folder, environment());
  await doctor.exitCode;
  expect(doctor.output()).toContain('✓ secrets of Vault: 2 references read');
  expect(doctor.output()).toContain('✓ secrets of AWS Secrets Manager: 1 reference read');
  expect(leaked(check.output() + doctor.output())).toEqual([]);
});

test('`valetkey start` runs with secrets of both managers, and ends while it is logged in at Vault', async () => {
  await using start = startValetkey(['start', '--config', 'good.json'], folder, environment());
  await start.waitForOutput(/Valet Key listens on/);
  start.signal('SIGINT');
  expect(await start.exitCode, start.output()).toBe(0);
  expect(leaked(start.output())).toEqual([]);
});
