import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
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

/** Sends requests one after the other until `work` has ended, and returns their number. */
async function sendMeanwhile(work: Promise<unknown>): Promise<number> {
  const load = { isOver: false };
  let count = 0;
  const over = work.finally(() => (load.isOver = true));
  while (!load.isOver) {
    await issue(`user-${count % 20}`);
    count += 1;
  }
  await over;
  return count;
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

  test('the commands that rotate a key lead to brokers that use only the new key, while requests are served', async () => {
    const [rotate = ''] = commandsOf('Rotate the key of a vendor');
    compose.sandbox.nudge.setApiKeys([oldKey, newKey]);
    const begin = logLength();
    const pids = () => compose.brokers.map((name) => compose.running.get(name)?.child.pid);
    const before = pids();
    const exitCodes = compose.brokers.map((name) => compose.running.get(name)?.child);
    const sent = await sendMeanwhile(compose.run(rotate, { NEW_NUDGE_API_KEY: newKey }));
    expect(sent).toBeGreaterThan(10);
    expect(pids().filter((pid) => before.includes(pid))).toEqual([]);
    expect(exitCodes.map((child) => child?.exitCode)).toEqual([0, 0, 0]);
    // nginx itself refuses a POST that it sent to a broker which then closed its listener. No broker has refused one.
    expect(listFailures(begin).filter(({ status }) => status !== '502')).toEqual([]);
    compose.sandbox.nudge.setApiKeys([newKey]);
    for (let count = 0; count < 9; count += 1) expect((await issue(`rotated-${count}`)).status).toBe(200);
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
    let sent = 0;
    const load = sendMeanwhile(
      (async () => {
        await expect.poll(() => listLines(begin)).toBeGreaterThan(20);
        await compose.stop(['broker-2'], 'SIGKILL');
        const afterwards = logLength();
        // Each broker that remains serves some of these.
        await expect.poll(() => listLines(afterwards)).toBeGreaterThan(40);
      })(),
    );
    sent = await load;
    expect(sent).toBeGreaterThan(60);
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
