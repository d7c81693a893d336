import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority, hasOpenssl } from '../../apps/broker/test/support/certificate-authority.ts';
import { findInstalledProxies } from '../../apps/broker/test/support/proxy-program.ts';
import { isProgramAvailable } from '../../apps/broker/test/support/required-program.ts';
import { root } from '../workspace.ts';
import { createComposeProcesses } from './compose-processes.ts';
import { findPostgresPrograms } from './compose-programs.ts';

const page = readFileSync(join(root, 'docs/deploy.md'), 'utf8');

/** Returns the shell commands under a heading of the page, without the indentation of a list. */
function commandsOf(heading: string): string[] {
  const [, section = ''] = new RegExp(`\n##+ ${heading}\n([^]*?)(?=\n##+ |$)`).exec(page) ?? [];
  return [...section.matchAll(/^( *)```sh\n([^]*?)^ *```$/gm)].map(([, indentation = '', text = '']) =>
    text.replaceAll(new RegExp(`^${indentation}`, 'gm'), ''),
  );
}

const hasPrograms = [
  hasOpenssl,
  (await findInstalledProxies(['nginx'])).has('nginx'),
  await isProgramAvailable({
    name: 'The server of PostgreSQL',
    probe: findPostgresPrograms,
    remediation: 'Install PostgreSQL.',
  }),
  await isProgramAvailable({
    name: 'Redis',
    probe: () => execFileSync('redis-server', ['--version']),
    remediation: 'Install redis-server.',
  }),
].every(Boolean);

const oldKey = 'key-of-the-compose-test';
const newKey = 'next-key-of-the-compose-test';

let compose: Awaited<ReturnType<typeof createComposeProcesses>>;
let authority: Awaited<ReturnType<typeof createCertificateAuthority>>;
let agent: Agent;
let files: Record<string, string>;
beforeAll(async () => {
  if (!hasPrograms) return;
  authority = await createCertificateAuthority();
  compose = await createComposeProcesses();
  compose.sandbox.nudge.setApiKeys([oldKey]);
  agent = new Agent({ ca: authority.ca, keepAlive: true });
  const { certificate, key } = await authority.issue('localhost');
  files = { CERTIFICATE: join(compose.base, 'tls.pem'), CERTIFICATE_KEY: join(compose.base, 'tls.key') };
  writeFileSync(files['CERTIFICATE'] ?? '', certificate);
  writeFileSync(files['CERTIFICATE_KEY'] ?? '', key);
});
afterAll(async () => {
  if (!hasPrograms) return;
  agent.destroy();
  await compose[Symbol.asyncDispose]();
  await authority[Symbol.asyncDispose]();
});

/**
 * Requests a token through nginx, and again while nginx refuses it with 429, because the machine may send more than a user. Resolves
 * with the status, or with 0 if the TCP connection failed.
 */
async function issue(subject: string): Promise<{ status: number; requestId: string }> {
  const outcome = await send(subject);
  return outcome.status === 429 ? issue(subject) : outcome;
}

async function send(subject: string): Promise<{ status: number; requestId: string }> {
  const authorization = `Bearer ${await compose.sandbox.mintUserToken({ sub: subject })}`;
  const url = `${compose.url}/v1/vendors/nudge/token`;
  return new Promise((resolve) => {
    const onResponse = (response: IncomingMessage) => {
      const { statusCode = 0, headers } = response;
      response.resume().once('end', () => resolve({ status: statusCode, requestId: String(headers['x-request-id']) }));
    };
    request(url, { method: 'POST', agent, headers: { authorization } }, onResponse)
      .once('error', () => resolve({ status: 0, requestId: '' }))
      .end();
  });
}

/** Returns the failures of requests that ended since the log had `begin` characters, and the address of the last broker that each reached. */
function listFailures(begin = 0): { status: string; broker: string }[] {
  const log = readFileSync(join(compose.folder, 'access.log'), 'utf8').slice(begin);
  return log.split('\n').flatMap((line) => {
    const [, status = '', addresses = ''] = /^\S+ [A-Z]+ \S+ (\d+) ([^\s,]+(?:, [^\s,]+)*) /.exec(line) ?? [];
    return Number(status) >= 500 ? [{ status, broker: addresses.split(', ').at(-1) ?? '' }] : [];
  });
}

const logLength = () => readFileSync(join(compose.folder, 'access.log')).length;
const addressOf = (name: string) => `127.0.0.1:${compose.topology.portOf(`${name}:8787`)}`;

/** Sends requests one after the other until `work` has ended, and returns their statuses. */
async function sendMeanwhile(work: Promise<unknown>): Promise<number[]> {
  const load = { isOver: false };
  const statuses: number[] = [];
  const over = work.finally(() => (load.isOver = true));
  while (!load.isOver) statuses.push((await issue(`user-${statuses.length % 20}`)).status);
  await over;
  return statuses;
}

const pids = () => compose.brokers.map((name) => compose.running.get(name)?.child.pid);

/** Returns the version of the secrets that each broker uses, by its admin listener. */
function readSecretVersions(): Promise<unknown[]> {
  return Promise.all(
    compose.brokers.map(async (name) => {
      const response = await fetch(`http://127.0.0.1:${compose.topology.portOf(`${name}:8788`)}/readyz`);
      return ((await response.json()) as { secrets?: string }).secrets;
    }),
  );
}

/** Returns the number of the certificate that a new TLS connection to nginx gets. */
async function readSerial(): Promise<string> {
  const socket = connect({ port: compose.topology.portOf('nginx:443'), ca: authority.ca, servername: 'localhost' });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe.skipIf(!hasPrograms)('the deployment with Compose, by the commands of its page', () => {
  test('the commands of the page lead from nothing to three brokers that issue a token through nginx', async () => {
    const [createSecrets = '', addSecrets = '', start = '', doctor = ''] = commandsOf('Three brokers with Compose');
    const created = await compose.run(createSecrets, {}, compose.base);
    expect(created).toMatch(/Now put your own nudge_api_key into .*\/secrets\/nudge_api_key/);
    await compose.run(addSecrets, { NUDGE_API_KEY: oldKey, ...files });
    await compose.run(start);
    expect([...compose.running.keys()]).toEqual(['postgres', 'redis', 'broker-1', 'broker-2', 'broker-3', 'nginx']);
    const statuses = await Promise.all(Array.from({ length: 12 }, (_, index) => issue(`first-${index}`)));
    expect(new Set(statuses.map(({ status }) => status))).toEqual(new Set([200]));
    const findings = await compose.run(doctor);
    expect(findings).toMatch(/✓ store: .*\n✓ redis: ok/);
    expect(findings).not.toContain('✗');
  });

  test('create-secrets.sh replaces no secret', async () => {
    const read = () => compose.run('cat secrets/*');
    const before = await read();
    expect(await compose.run('./create-secrets.sh')).toBe('');
    expect(await read()).toBe(before);
  });

  test('the command that rotates a key lets every broker use only the new key, restarts none and fails no request', async () => {
    const [rotate = '', ...others] = commandsOf('Rotate the key of a vendor');
    expect(others).toEqual([]);
    const file = join(compose.folder, 'secrets/nudge_api_key');
    compose.sandbox.nudge.setApiKeys([oldKey, newKey]);
    const begin = logLength();
    const before = { pids: pids(), inode: statSync(file).ino, versions: await readSecretVersions() };
    const rotated = async () => {
      await compose.run(rotate, { NEW_NUDGE_API_KEY: newKey });
      const countChanged = async () =>
        (await readSecretVersions()).filter((version, index) => version !== before.versions[index]).length;
      await expect.poll(countChanged, { interval: 50, timeout: 100_000 }).toBe(compose.brokers.length);
    };
    const statuses = await sendMeanwhile(rotated());
    expect(statuses.length).toBeGreaterThan(10);
    expect([...new Set(statuses)]).toEqual([200]);
    expect(listFailures(begin)).toEqual([]);
    // A container sees a single file that is mounted only as long as it is the same file.
    expect({ pids: pids(), inode: statSync(file).ino }).toEqual({ pids: before.pids, inode: before.inode });
    compose.sandbox.nudge.setApiKeys([newKey]);
    for (let count = 0; count < 9; count += 1) expect((await issue(`rotated-${count}`)).status).toBe(200);
  });

  test('the commands that start each broker again let no broker refuse a request', async () => {
    const [restart = ''] = commandsOf('Change the configuration');
    const begin = logLength();
    const before = pids();
    const children = compose.brokers.map((name) => compose.running.get(name)?.child);
    const statuses = await sendMeanwhile(compose.run(restart));
    expect(statuses.length).toBeGreaterThan(10);
    expect(pids().filter((pid) => before.includes(pid))).toEqual([]);
    expect(children.map((child) => child?.exitCode)).toEqual([0, 0, 0]);
    // nginx itself refuses a POST that it sent to a broker which then closed its listener. No broker has refused one.
    expect(listFailures(begin).filter(({ status }) => status !== '502')).toEqual([]);
  });

  test('the commands that renew the certificate of nginx give it to each new connection, and restart nothing', async () => {
    const [renew = ''] = commandsOf('Renew the certificate of nginx');
    const before = { serial: await readSerial(), brokers: pids(), nginx: compose.running.get('nginx')?.child.pid };
    const { certificate, key } = await authority.issue('localhost');
    writeFileSync(files['CERTIFICATE'] ?? '', certificate);
    writeFileSync(files['CERTIFICATE_KEY'] ?? '', key);
    const file = join(compose.folder, 'secrets/tls_certificate');
    const inode = statSync(file).ino;
    const begin = logLength();
    const renewed = async () => {
      await compose.run(renew, files);
      await expect.poll(readSerial, { interval: 20, timeout: 100_000 }).not.toBe(before.serial);
    };
    await sendMeanwhile(renewed());
    expect(listFailures(begin)).toEqual([]);
    // The process of nginx that has the old certificate may still close a connection that the agent has kept.
    await expect.poll(async () => (await issue('renewed')).status, { interval: 20, timeout: 100_000 }).toBe(200);
    expect(statSync(file).ino).toBe(inode);
    expect([pids(), compose.running.get('nginx')?.child.pid]).toEqual([before.brokers, before.nginx]);
    expect(compose.running.get('nginx')?.child.exitCode).toBeNull();
  });

  test('the command that blocks a person works at every broker, and the command for a refused request says why', async () => {
    const [block = ''] = commandsOf('Block a person');
    const [why = ''] = commandsOf('Find out why a request was refused');
    expect((await issue('mallory')).status).toBe(200);
    await compose.run(block, { ISSUER: compose.sandbox.urls.idp, SUBJECT: 'mallory' });
    const refusals: string[] = [];
    let inSequence = 0;
    // Every broker refuses the person within two seconds.
    while (inSequence < 12) {
      const { status, requestId } = await issue('mallory');
      inSequence = status === 403 ? inSequence + 1 : 0;
      if (status === 403) refusals.push(requestId);
    }
    expect((await issue('alice')).status).toBe(200);
    const answer = await compose.run(why, { REQUEST_ID: refusals[0] ?? '' });
    expect(answer).toContain('user_blocked');
    expect(answer).toContain('mallory');
  });

  test('the commands that back up and restore bring back what the backup has, and a complete audit', async () => {
    const [backUp = '', restore = ''] = commandsOf('Back up and restore');
    const [block = ''] = commandsOf('Block a person');
    await compose.run(backUp);
    await compose.run(block, { ISSUER: compose.sandbox.urls.idp, SUBJECT: 'oscar' });
    const blocked = () =>
      compose.run('docker compose exec broker-1 valetkey blocked --config /etc/valetkey/valetkey.config.yaml');
    expect(await blocked()).toMatch(/mallory[^]*oscar|oscar[^]*mallory/);
    await compose.run(restore);
    expect(await blocked()).toContain('mallory');
    expect(await blocked()).not.toContain('oscar');
    expect((await issue('oscar')).status).toBe(200);
    expect((await issue('mallory')).status).toBe(403);
    const verify = 'docker compose exec broker-1 valetkey audit verify --config /etc/valetkey/valetkey.config.yaml';
    expect(await compose.run(verify)).toMatch(/decisions/);
  });

  test('the commands that update replace each broker', async () => {
    const [update = ''] = commandsOf('Update');
    const before = new Set(compose.brokers.map((name) => compose.running.get(name)));
    await compose.run(update);
    expect(compose.brokers.filter((name) => before.has(compose.running.get(name)))).toEqual([]);
    expect((await issue('alice')).status).toBe(200);
  });

  test('if one broker is killed under load, no request fails that another broker accepted, and the others serve all', async () => {
    const begin = logLength();
    const load = sendMeanwhile(
      (async () => {
        await expect.poll(() => listLines(begin)).toBeGreaterThan(20);
        await compose.stop(['broker-2'], 'SIGKILL');
        const afterwards = logLength();
        // Each broker that remains serves some of these.
        await expect.poll(() => listLines(afterwards)).toBeGreaterThan(40);
      })(),
    );
    expect((await load).length).toBeGreaterThan(60);
    expect(listFailures(begin).filter(({ broker }) => broker !== addressOf('broker-2'))).toEqual([]);
    const settled = logLength();
    for (let count = 0; count < 20; count += 1) expect((await issue(`after-${count}`)).status).toBe(200);
    const served = readFileSync(join(compose.folder, 'access.log'), 'utf8').slice(settled);
    for (const name of ['broker-1', 'broker-3']) expect(served).toContain(` 200 ${addressOf(name)} 200 `);
  });
});

/** Returns how many requests nginx has served since its log had `begin` characters. */
function listLines(begin: number): number {
  return readFileSync(join(compose.folder, 'access.log'), 'utf8').slice(begin).split('\n').length - 1;
}
