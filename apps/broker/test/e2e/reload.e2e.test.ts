import { execFile, execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSimulatedVault } from '../support/simulated-vault.ts';
import { commandFile, startValetkey } from '../support/valetkey-process.ts';

const firstKey = 'first-key-of-the-reload-test';
const secondKey = 'second-key-of-the-reload-test';
/** A watched file is looked at every two seconds, and the machine may be busy. */
const timeout = 60_000;
const polling = { interval: 20, timeout };

let folder: string;
let sandbox: Sandbox;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-reload-'));
  sandbox = await createSandbox();
  sandbox.nudge.setApiKeys([firstKey]);
  await writeFile(join(folder, 'nudge-key'), firstKey, { mode: 0o600 });
});
afterEach(async () => {
  await sandbox.close();
  await rm(folder, { recursive: true });
});

function configOf(changes: object = {}, nudge: object = {}) {
  const { nymbl } = sandbox.credentials;
  return {
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    egress: { proxy: false },
    // Only the tests of the watch watch.
    reload: { watch: false },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: {
      nudge: { baseUrl: sandbox.urls.nudge, apiKey: '${file:nudge-key}', timeoutMs: 60_000, ...nudge },
      nymbl: {
        baseUrl: sandbox.urls.nymbl,
        tokenUrl: `${sandbox.urls.nymblIdp}/oauth2/token`,
        clientId: 'client-of-the-reload-test',
        clientSecret: '${env:NYMBL_SECRET}',
        apiKey: '${env:NYMBL_KEY}',
        customer: { value: nymbl.customer },
        allow: [{ method: 'GET', path: '/Patients' }],
        timeoutMs: 60_000,
      },
    },
    ...changes,
  };
}

/** Replaces a file as an editor does: another file is renamed to its path. */
async function replaceFile(name: string, text: string, mode = 0o600): Promise<void> {
  await writeFile(join(folder, `${name}.new`), text, { mode });
  await rename(join(folder, `${name}.new`), join(folder, name));
}

const writeConfig = (config: object) => replaceFile('valetkey.json', JSON.stringify(config));

/** The secrets of Nymbl. Those of the sandbox itself are refused by `valetkey start`. */
const environment = { NYMBL_SECRET: 'nymbl-secret-of-the-reload-test', NYMBL_KEY: 'nymbl-key-of-the-reload-test' };

async function startBroker(config: object = configOf(), file = 'valetkey.json') {
  sandbox.nymbl.setApiKeys([environment.NYMBL_KEY]);
  sandbox.nymbl.setClientIds(['client-of-the-reload-test']);
  sandbox.nymbl.setClientSecrets([environment.NYMBL_SECRET]);
  if (file === 'valetkey.json') await writeConfig(config);
  const broker = startValetkey(['start', '--config', file], folder, environment);
  const [, brokerUrl = '', adminUrl = ''] = await broker.waitForOutput(/listens on (\S+),\s+for operators on (\S+)\./);
  const agent = new Agent({ connections: 64, keepAliveTimeout: 60_000 });
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const send = async (path: string, method: 'GET' | 'POST', bearer = token): Promise<number | string> => {
    try {
      const headers = { authorization: `Bearer ${bearer}` };
      const { statusCode, body } = await request(brokerUrl + path, { dispatcher: agent, method, headers });
      await body.dump();
      return statusCode;
    } catch (error) {
      return String(error);
    }
  };
  let seen = 0;
  return {
    ...broker,
    issue: (bearer?: string) => send('/v1/vendors/nudge/token', 'POST', bearer),
    readPatients: () => send('/v1/vendors/nymbl/proxy/Patients', 'GET'),
    readiness: async () => (await fetch(`${adminUrl}/readyz`)).json() as Promise<Record<string, string>>,
    metric: async (name: string) => {
      const text = await (await fetch(`${adminUrl}/metrics`)).text();
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(name))
          ?.split(' ')
          .at(-1),
      );
    },
    /** Resolves when the broker has printed another line that matches. */
    waitForNext: async (pattern: RegExp) => {
      await expect.poll(() => pattern.test(broker.output().slice(seen)), polling).toBe(true);
      seen = broker.output().length;
    },
    [Symbol.asyncDispose]: async () => {
      await agent.destroy();
      await broker[Symbol.asyncDispose]();
    },
  };
}

const keyFetches = () => sandbox.calls()['idp']?.['GET /jwks'];
const serverTokens = () => sandbox.calls()['nymbl-idp']?.['POST /oauth2/token'];

test(
  'SIGHUP under load applies the configuration, fails no request, and leaves every cache warm',
  { timeout },
  async () => {
    await using broker = await startBroker();
    expect([await broker.issue(), await broker.readPatients()]).toEqual([200, 200]);
    const warm = { keys: keyFetches(), tokens: serverTokens() };
    const over = new AbortController();
    const statuses: (number | string)[] = [];
    const load = Array.from({ length: 8 }, async (_, index) => {
      while (!over.signal.aborted) statuses.push(await (index % 2 === 0 ? broker.issue() : broker.readPatients()));
    });
    for (let round = 1; round <= 5; round += 1) {
      await writeConfig(configOf({}, { timeoutMs: 60_000 + round }));
      broker.signal('SIGHUP');
      await broker.waitForNext(/configuration reloaded/);
    }
    over.abort();
    await Promise.all(load);
    expect([...new Set(statuses)]).toEqual([200]);
    expect(statuses.length).toBeGreaterThan(16);
    expect({ keys: keyFetches(), tokens: serverTokens() }).toEqual(warm);
    expect(await broker.metric('valetkey_config_reloads_total{outcome="applied"}')).toBe(5);
  },
);

test(
  'a bad file keeps the configuration in use, and says why in the words of `valetkey check`',
  { timeout },
  async () => {
    await using broker = await startBroker();
    const { configuration } = await broker.readiness();
    await writeConfig(configOf({ log: { level: 'loud' }, nonsense: 1 }));
    broker.signal('SIGHUP');
    await broker.waitForNext(/The configuration cannot be used/);
    const check = promisify(execFile)(process.execPath, [commandFile, 'check', '--config', 'valetkey.json'], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...environment },
    });
    const { stderr } = (await check.catch((error: unknown) => error)) as { stderr: string };
    const line =
      broker
        .standardOutput()
        .split('\n')
        .find((text) => text.includes('cannot be used')) ?? '{}';
    const { msg, problems } = JSON.parse(line) as { msg: string; problems: string[] };
    const words = (text: string) => text.replaceAll(/\s+/g, ' ').trim();
    expect(problems.length).toBeGreaterThan(1);
    expect(words(stderr)).toContain(words(msg));
    expect(await broker.readiness()).toMatchObject({
      status: 'ok',
      configuration,
      reload: expect.stringContaining(problems[0] ?? 'no problem'),
    });
    expect(await broker.metric('valetkey_config_last_reload_successful')).toBe(0);
    expect(await broker.metric('valetkey_config_reload_timestamp_seconds{result="failure"}')).toBeGreaterThan(1e9);
    expect(await broker.issue()).toBe(200);
    await writeConfig(configOf());
    broker.signal('SIGHUP');
    await broker.waitForNext(/configuration reloaded/);
    expect(await broker.readiness()).not.toHaveProperty('reload');
  },
);

test(
  'a rotated secret file is used without a restart and without a signal, and only its version is shown',
  { timeout },
  async () => {
    await using broker = await startBroker(configOf({ reload: {} }));
    expect([await broker.issue(), await broker.readPatients()]).toEqual([200, 200]);
    const before = await broker.readiness();
    const tokensBefore = serverTokens();
    sandbox.nudge.setApiKeys([secondKey]);
    expect(await broker.issue()).not.toBe(200);
    await replaceFile('nudge-key', secondKey);
    await broker.waitForNext(/configuration reloaded/);
    expect([await broker.issue(), await broker.readPatients()]).toEqual([200, 200]);
    const after = await broker.readiness();
    expect(after['configuration']).toBe(before['configuration']);
    expect(after['secrets']).not.toBe(before['secrets']);
    expect(serverTokens()).toBe(tokensBefore);
    expect(broker.output()).not.toContain(secondKey);
  },
);

test('files that Kubernetes replaces by one symbolic link are read together', { timeout }, async () => {
  const mount = async (version: string, key: string, config: object) => {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'key'), key, { mode: 0o600 });
    await writeFile(join(folder, version, 'valetkey.json'), JSON.stringify(config));
    await symlink(version, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  const config = (scopes: readonly string[]) =>
    configOf({ reload: {} }, { apiKey: '${file:key}', requiredScopes: scopes });
  await mount('..one', firstKey, config([]));
  for (const name of ['key', 'valetkey.json']) await symlink(`..data/${name}`, join(folder, name));
  await using broker = await startBroker({}, './valetkey.json');
  expect(await broker.issue()).toBe(200);
  sandbox.nudge.setApiKeys([secondKey]);
  await mount('..two', secondKey, config(['nudge']));
  await broker.waitForNext(/configuration reloaded/);
  expect(await broker.issue()).toBe(403);
  const withScope = await sandbox.mintUserToken({ sub: 'alice', scope: 'nudge' });
  expect(await broker.issue(withScope)).toBe(200);
  expect(await broker.metric('valetkey_config_reloads_total{outcome="failed"}')).toBe(0);
});

test(
  'a file that is a pipe, a folder, too long, cut or gone is refused without waiting, and the broker continues',
  { timeout },
  async () => {
    await using broker = await startBroker();
    const secret = join(folder, 'nudge-key');
    const refuse = async (expected: RegExp) => {
      broker.signal('SIGHUP');
      await broker.waitForNext(expected);
      expect(await broker.issue()).toBe(200);
      expect((await broker.readiness())['reload']).toMatch(expected);
    };
    await rm(secret);
    await refuse(/nudge-key cannot be read \(ENOENT\)/);
    execFileSync('mkfifo', [secret]);
    await refuse(/nudge-key is not a regular file/);
    await rm(secret);
    await mkdir(secret);
    await refuse(/nudge-key cannot be read \(EISDIR\)/);
    await rm(secret, { recursive: true });
    await replaceFile('nudge-key', 'x'.repeat(2_000_000));
    await refuse(/nudge-key has more than 1048576 bytes/);
    await replaceFile('nudge-key', firstKey);
    await replaceFile('valetkey.json', JSON.stringify(configOf()).slice(0, -20));
    await refuse(/valetkey\.json: is not JSON/);
    await rm(join(folder, 'valetkey.json'));
    execFileSync('mkfifo', [join(folder, 'valetkey.json')]);
    await refuse(/valetkey\.json: is not a regular file/);
    await writeConfig(configOf());
    broker.signal('SIGHUP');
    await broker.waitForNext(/configuration reloaded/);
  },
);

test('a reload warns of a secret file that other users of the machine may now read', { timeout }, async () => {
  await using broker = await startBroker();
  await chmod(join(folder, 'nudge-key'), 0o666);
  broker.signal('SIGHUP');
  await broker.waitForNext(/vendors\.nudge\.apiKey: the mode 666 of the file \S+nudge-key/);
  expect(await broker.issue()).toBe(200);
});

test('a changed listener is refused by name, with everything else that changed', { timeout }, async () => {
  await using broker = await startBroker();
  await writeConfig(configOf({ listen: { port: 1 } }, { requiredScopes: ['nudge'] }));
  broker.signal('SIGHUP');
  await broker.waitForNext(/listen\.port: has changed, and only a restart of the broker applies this/);
  expect(await broker.issue()).toBe(200);
});

test(
  'a changed module is refused by name, and the secrets of an unchanged one are read again',
  { timeout },
  async () => {
    const vendors = JSON.stringify(configOf());
    const part = (scopes: string) => `export const scopes: string[] = ${scopes};\n`;
    const whole = `import { scopes } from './scopes.ts';\nconst config = ${vendors};\nexport default { ...config, vendors: { ...config.vendors, nudge: { ...config.vendors.nudge, requiredScopes: scopes } } };\n`;
    await writeFile(join(folder, 'scopes.ts'), part('[]'));
    await writeFile(join(folder, 'valetkey.config.ts'), whole);
    await using broker = await startBroker({}, 'valetkey.config.ts');
    expect(await broker.issue()).toBe(200);
    sandbox.nudge.setApiKeys([secondKey]);
    await replaceFile('nudge-key', secondKey);
    broker.signal('SIGHUP');
    await broker.waitForNext(/configuration reloaded/);
    expect(await broker.issue()).toBe(200);
    await writeFile(join(folder, 'scopes.ts'), part("['nudge']"));
    broker.signal('SIGHUP');
    await broker.waitForNext(
      /scopes\.ts: is a module that has changed, and only a restart of the broker runs it again/,
    );
    expect(await broker.issue()).toBe(200);
  },
);

test('an added issuer is accepted and a removed one is refused after SIGHUP', { timeout }, async () => {
  const other = await createSandbox();
  try {
    await using broker = await startBroker();
    const foreign = await other.mintUserToken({ sub: 'bob' });
    const reloadWith = async (changes: object) => {
      await writeConfig(configOf(changes));
      broker.signal('SIGHUP');
      await broker.waitForNext(/configuration reloaded/);
    };
    expect([await broker.issue(), await broker.issue(foreign)]).toEqual([200, 401]);
    const keysBefore = keyFetches();
    const [own] = configOf().issuers;
    await reloadWith({ issuers: [own, { issuer: other.urls.idp, audiences: ['valetkey'] }] });
    expect([await broker.issue(), await broker.issue(foreign)]).toEqual([200, 200]);
    await reloadWith({});
    expect([await broker.issue(), await broker.issue(foreign)]).toEqual([200, 401]);
    expect(keyFetches()).toBe(keysBefore);
  } finally {
    await other.close();
  }
});

test('a secret that was rotated in Vault is used after the broker has read it again', { timeout }, async () => {
  await using vault = await createSimulatedVault();
  vault.put('secret/data/nudge', { apiKey: firstKey });
  const { roleId, secretId } = vault.logins;
  const secrets = { vault: { url: vault.url, auth: { appRole: { roleId, secretId } } }, refreshSeconds: 5 };
  await using broker = await startBroker(configOf({ secrets }, { apiKey: '${vault:secret/data/nudge#apiKey}' }));
  expect(await broker.issue()).toBe(200);
  sandbox.nudge.setApiKeys([secondKey]);
  vault.put('secret/data/nudge', { apiKey: secondKey });
  await broker.waitForNext(/configuration reloaded/);
  expect(await broker.issue()).toBe(200);
});

test('SIGTERM ends a broker whose configuration was reloaded as it ends every other', { timeout }, async () => {
  await using broker = await startBroker();
  await writeConfig(configOf({}, { requiredScopes: [], timeoutMs: 50_000 }));
  broker.signal('SIGHUP');
  await broker.waitForNext(/configuration reloaded/);
  expect(await broker.issue()).toBe(200);
  broker.signal('SIGTERM');
  expect(await broker.exitCode).toBe(0);
});
