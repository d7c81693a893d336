import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority, hasOpenssl, type IssuedCertificate } from '../support/certificate-authority.ts';
import { startValetkey } from '../support/valetkey-process.ts';

const apiKey = 'key-of-the-tls-test';

let folder: string;
let authority: Awaited<ReturnType<typeof createCertificateAuthority>>;
let sandbox: Sandbox;
beforeAll(async () => {
  if (!hasOpenssl) return;
  folder = await mkdtemp(join(tmpdir(), 'valetkey-tls-'));
  authority = await createCertificateAuthority();
  sandbox = await createSandbox();
  sandbox.nudge.setApiKeys([apiKey]);
});
afterAll(async () => {
  if (!hasOpenssl) return;
  await sandbox.close();
  await authority[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Writes a configuration whose two listeners have this certificate. */
async function writeConfig({ certificate, key }: IssuedCertificate): Promise<void> {
  await writeFile(join(folder, 'tls.pem'), certificate, { mode: 0o600 });
  await writeFile(join(folder, 'tls.key'), key, { mode: 0o600 });
  const tls = { certificate: '${file:tls.pem}', key: '${file:tls.key}' };
  const config = {
    listen: { port: 0, tls },
    admin: { port: 0, tls, token: '${env:VALETKEY_ADMIN_TOKEN}' },
    store: { sqlite: ':memory:' },
    log: { level: 'warn' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: { nudge: { baseUrl: sandbox.urls.nudge, apiKey: '${env:NUDGE_API_KEY}' } },
  };
  await writeFile(join(folder, 'valetkey.json'), JSON.stringify(config));
}

const environment = () => ({
  VALETKEY_ADMIN_TOKEN: 'tls-test-admin-token-of-32-characters',
  NUDGE_API_KEY: apiKey,
  NODE_EXTRA_CA_CERTS: authority.caFile,
});
const run = (...words: string[]) => startValetkey(words, folder, environment());

describe.skipIf(!hasOpenssl)('valetkey with a certificate of its own', () => {
  test('serves apps and operators over https, and its commands call it there', async () => {
    await writeConfig(await authority.issueForDays(90)('localhost'));
    await using broker = run('start', '--config', 'valetkey.json');
    const [, brokerUrl = '', adminUrl = ''] = await broker.waitForOutput(
      /listens on (https:\S+),\s+for operators on (https:\S+)\./,
    );
    const dispatcher = new Agent({ connect: { ca: authority.ca, servername: 'localhost' } });
    const { statusCode, body } = await request(`${brokerUrl}/v1/vendors/nudge/token`, {
      method: 'POST',
      dispatcher,
      headers: { authorization: `Bearer ${await sandbox.mintUserToken({ sub: 'alice' })}` },
    });
    await body.dump();
    expect(statusCode).toBe(200);
    await dispatcher.destroy();
    await using list = run('audit', 'list', '--url', adminUrl.replace('127.0.0.1', 'localhost'));
    expect(await list.exitCode).toBe(0);
    expect(list.standardOutput()).toContain('nudge');
    broker.signal('SIGTERM');
    expect(await broker.exitCode).toBe(0);
  });

  test('check warns about an expired certificate, and doctor reports it as a failure', async () => {
    await writeConfig(await authority.issueExpired('localhost'));
    await using check = run('check', '--config', 'valetkey.json');
    expect(await check.exitCode).toBe(0);
    expect(check.output()).toMatch(
      /! listen\.tls\.certificate: expired on \d{4}-\d\d-\d\d, so that clients refuse it;/,
    );
    await using doctor = run('doctor', '--config', 'valetkey.json');
    expect(await doctor.exitCode).toBe(1);
    expect(doctor.output()).toMatch(/✗ admin\.tls\.certificate: expired on/);
  });

  test('start refuses a key that belongs to another certificate, and prints nothing of it', async () => {
    const { certificate } = await authority.issue('localhost');
    const { key } = await authority.issue('localhost');
    await writeConfig({ certificate, key });
    await using broker = run('start', '--config', 'valetkey.json');
    expect(await broker.exitCode).toBe(1);
    expect(broker.output()).toContain('listen.tls.key: is not the key of this certificate');
    expect(broker.output()).not.toContain(key.split('\n')[1]);
  });
});
