import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { Secret } from '@valetkey/core-types';
import { expect, onTestFinished, test } from 'vitest';
import {
  findFreePort,
  startPrivateRedis,
  startSentinel,
} from '../../../../packages/token-cache/src/testing/redis-server.ts';
import { createCertificateAuthority, hasOpenssl } from '../../test/support/certificate-authority.ts';
import { findRedisProblem } from '../cli/redis-problem.ts';
import { identifyRedis } from './identify-redis.ts';
import { openTokenStore, refuseUnsupportedRedis } from './open-token-store.ts';

const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
const configFor = (url: string) => ({ url: new Secret(url), sealingKeys, prefix: 'test', timeoutMs: 250 });

async function start(...options: readonly string[]) {
  const server = await startPrivateRedis(...options);
  if (server !== undefined) onTestFinished(() => server.stop());
  return server;
}

/** Starts a server that sends this text to each client, and then ends the connection. */
async function startAnswering(text: string): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('data', () => socket.end(text));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** No test fails because the machine is busy. */
const patient = { maxPingMs: 60_000, maxIdentificationMs: 60_000 };
const withoutDeadline = () => new AbortController().signal;

test.for([
  ['without a password', [], ''],
  ['with a password that the URL lacks', ['requirepass right'], ''],
  ['with a password', ['requirepass right'], ':right@'],
] as const)(
  'a Sentinel %s is named by `doctor` and at the start, whatever credentials and database the URL has',
  async ([, lines, credentials], { skip }) => {
    const primary = await start();
    if (primary === undefined) return skip();
    const sentinel = await startSentinel(primary, ...lines);
    onTestFinished(() => sentinel.stop());
    const all = [credentials, ':canary@', 'canary:canary@'];
    const urls = all.flatMap((one) => ['', '/1'].map((database) => sentinel.url.replace('//', `//${one}`) + database));
    for (const url of urls) {
      const problem = await findRedisProblem(configFor(url), patient);
      expect({ url, problem }).toEqual({
        url,
        problem: expect.stringMatching(/^is a Sentinel, which is not supported/),
      });
      expect(problem).not.toContain('canary');
      const config = configFor(url);
      const store = openTokenStore(config);
      await expect(refuseUnsupportedRedis(store, config, 60_000)).rejects.toThrow(/redis\.url: is a Sentinel/);
      await store.close();
    }
  },
);

test.for([
  ['that has no password', [], ''],
  ['that asks for a password', ['--requirepass', 'right'], ''],
  ['that has EVAL under another name', ['--rename-command', 'EVAL', 'other'], ''],
  ['of a cluster', ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'], '/1'],
] as const)('a Redis server %s is no Sentinel', async ([, options, database], { skip }) => {
  const server = await start(...options);
  if (server === undefined) return skip();
  expect(await identifyRedis(server.url + database, withoutDeadline())).toBeUndefined();
});

test.skipIf(!hasOpenssl)('`doctor` says which end of a Redis connection lacks TLS', async ({ skip }) => {
  const plain = await start();
  if (plain === undefined) return skip();
  await using authority = await createCertificateAuthority();
  const { certificate, key } = await authority.issue('localhost');
  const [certFile, keyFile] = ['server.pem', 'server.key'].map((name) => join(plain.folder, name)) as [string, string];
  await writeFile(certFile, certificate);
  await writeFile(keyFile, key);
  const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', authority.caFile];
  const tlsPort = await findFreePort();
  const secure = await start('--tls-port', String(tlsPort), '--tls-auth-clients', 'no', ...files);
  if (secure === undefined) return skip();
  const find = (url: string, bounds = patient) => findRedisProblem(configFor(url), bounds);
  expect(await find(`redis://:canary@127.0.0.1:${tlsPort}`)).toMatch(/^accepts only TLS/);
  expect(await find(`rediss://:canary@127.0.0.1:${tlsPort}`)).toMatch(
    /^has a certificate that the broker does not trust/,
  );
  // The server waits for the rest of what it takes for a command, so the ping fails only at its deadline.
  const atDeadline = { ...patient, maxPingMs: 1 };
  const plainUrl = plain.url.replace('redis://', 'rediss://:canary@');
  expect(await find(plainUrl, atDeadline)).toMatch(/^does not offer TLS at this port/);
});

test.each([
  ['-DENIED Redis is running in protected mode because protected mode is enabled\r\n', 'DENIED'],
  ['-ERR max number of clients reached\r\n', 'REDIS_CLIENTS'],
  ['HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n', 'REDIS_PROTOCOL'],
  ['J\0\0\0', 'REDIS_PROTOCOL'],
  ['-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n', undefined],
  ['', undefined],
])('identifyRedis gives a server that answers %j the code %s', async (text, code) => {
  expect(await identifyRedis(await startAnswering(text), withoutDeadline())).toBe(code);
});

test('identifyRedis gives no code to a server that sends nothing before the deadline', async () => {
  const url = await startAnswering('');
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const deadline = new AbortController();
  const { port } = silent.address() as AddressInfo;
  const identified = identifyRedis(url.replace(/\d+$/, String(port)), deadline.signal);
  await once(silent, 'connection');
  deadline.abort();
  expect(await identified).toBeUndefined();
});
