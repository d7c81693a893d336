import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority, hasOpenssl, type IssuedCertificate } from '../support/certificate-authority.ts';
import { startValetkey } from '../support/valetkey-process.ts';
import { createVendorGate, heldAtGate, type VendorGate } from '../support/vendor-gate.ts';

const apiKey = 'key-of-the-tls-test';

let folder: string;
let authority: Awaited<ReturnType<typeof createCertificateAuthority>>;
let sandbox: Sandbox;
let gate: VendorGate;
beforeAll(async () => {
  if (!hasOpenssl) return;
  folder = await mkdtemp(join(tmpdir(), 'valetkey-tls-'));
  authority = await createCertificateAuthority();
  gate = createVendorGate();
  sandbox = await createSandbox({ sleep: gate.sleep });
  sandbox.nudge.setApiKeys([apiKey]);
});
afterAll(async () => {
  if (!hasOpenssl) return;
  await sandbox.close();
  await authority[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Replaces a file as a program does that renews certificates: another file is renamed to its path. */
async function replaceFile(name: string, text: string): Promise<void> {
  await writeFile(join(folder, `${name}.new`), text, { mode: 0o600 });
  await rename(join(folder, `${name}.new`), join(folder, name));
}

/** Writes a configuration whose two listeners have this certificate. */
async function writeConfig({ certificate, key }: IssuedCertificate, changes: object = {}): Promise<void> {
  await replaceFile('tls.pem', certificate);
  await replaceFile('tls.key', key);
  const tls = { certificate: '${file:tls.pem}', key: '${file:tls.key}' };
  const config = {
    listen: { port: 0, tls },
    admin: { port: 0, tls, token: '${env:VALETKEY_ADMIN_TOKEN}' },
    store: { sqlite: ':memory:' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: { nudge: { baseUrl: sandbox.urls.nudge, apiKey: '${env:NUDGE_API_KEY}', timeoutMs: 60_000 } },
    ...changes,
  };
  await replaceFile('valetkey.json', JSON.stringify(config));
}

/** Opens a TLS connection to a listener of the broker. */
async function openTls(url: string): Promise<TLSSocket> {
  const { port } = new URL(url);
  const socket = connect({ host: '127.0.0.1', port: Number(port), ca: authority.ca, servername: 'localhost' });
  await once(socket, 'secureConnect');
  return socket;
}

/** Returns the number of the certificate that a listener has now. */
async function serialAt(url: string): Promise<string> {
  const socket = await openTls(url);
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

/** Sends a request over an open connection, and resolves with the beginning of its response. */
async function ask(socket: TLSSocket, head: string): Promise<string> {
  socket.write(`${head}\r\nHost: localhost\r\n\r\n`);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return chunk.toString().slice(0, 12);
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

  test(
    'a certificate that is renewed while connections are open is used by each new one, and a wrong pair by none',
    { timeout: 120_000 },
    async () => {
      await writeConfig(await authority.issueForDays(90)('localhost'));
      await using broker = run('start', '--config', 'valetkey.json');
      const [, brokerUrl = '', adminUrl = ''] = await broker.waitForOutput(
        /listens on (https:\S+),\s+for operators on (https:\S+)\./,
      );
      const serials = () => Promise.all([brokerUrl, adminUrl].map(serialAt));
      const [first, firstOfAdmin] = await serials();
      const idle = await openTls(brokerUrl);
      const held = await openTls(brokerUrl);
      sandbox.setFaults([{ vendor: 'nudge', fault: heldAtGate }]);
      const callsBefore = sandbox.calls()['nudge']?.['GET /api/clients/jwt/token'] ?? 0;
      const token = await sandbox.mintUserToken({ sub: 'alice' });
      const running = ask(
        held,
        `POST /v1/vendors/nudge/token HTTP/1.1\r\nAuthorization: Bearer ${token}\r\nContent-Length: 0`,
      );
      await expect
        .poll(() => sandbox.calls()['nudge']?.['GET /api/clients/jwt/token'], { timeout: 60_000 })
        .toBe(callsBefore + 1);

      const renewed = await authority.issueForDays(90)('localhost');
      await replaceFile('tls.pem', renewed.certificate);
      await broker.waitForOutput(/listen\.tls\.key: is not the key of this certificate/);
      expect(await serials()).toEqual([first, firstOfAdmin]);

      await replaceFile('tls.key', renewed.key);
      await broker.waitForOutput(/configuration reloaded/);
      const [second, secondOfAdmin] = await serials();
      expect(second).not.toBe(first);
      expect(secondOfAdmin).toBe(second);
      expect(await ask(idle, 'GET /healthz HTTP/1.1')).toBe('HTTP/1.1 200');
      gate.open();
      expect(await running).toBe('HTTP/1.1 200');
      sandbox.setFaults([]);
      for (const socket of [idle, held]) socket.destroy();

      await writeConfig(renewed, { admin: { port: 0, token: '${env:VALETKEY_ADMIN_TOKEN}' } });
      await broker.waitForOutput(/admin\.tls: was added or removed, and only a restart of the broker applies this/);
      expect(await serials()).toEqual([second, second]);
      expect(broker.output()).not.toContain(renewed.key.split('\n')[1]);
    },
  );

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
