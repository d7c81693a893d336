import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendBytes } from '../support/raw-connection.ts';
import { startValetkey } from '../support/valetkey-process.ts';

/** The admin token of `valetkey dev`, which is public. */
const adminToken = 'sandbox-only-admin-token';

let folder: string;
let dev: ReturnType<typeof startValetkey>;
const urls = new Map<string, string>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-host-names-'));
  dev = startValetkey(['dev', '--port', '0', '--admin-port', '0', '--sandbox-port', '0'], folder);
  await dev.waitForOutput(/Ctrl-C/);
  for (const [, name = '', url = ''] of dev.output().matchAll(/^ +(broker|admin|sandbox) +(http:\S+)$/gm))
    urls.set(name, url);
}, 120_000);
afterAll(async () => {
  await dev[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const requests = [
  ['broker', 'GET /healthz'],
  ['broker', 'POST /v1/vendors/nabla/token'],
  ['broker', 'GET /v1/authorize'],
  ['broker', 'GET /no/such/path'],
  ['admin', 'GET /metrics'],
  ['admin', 'GET /v1/decisions'],
  ['admin', 'PUT /v1/blocked-users'],
  ['sandbox', 'GET /'],
  ['sandbox', 'GET /idp/dev-token?sub=alice'],
  ['sandbox', 'GET /idp/.well-known/openid-configuration'],
  ['sandbox', 'POST /_state'],
] as const;

async function statusesOf(listener: string, request: string, hosts: readonly string[]): Promise<readonly number[]> {
  const lines = [...hosts.map((host) => `Host: ${host}`), `Authorization: Bearer ${adminToken}`, 'Connection: close'];
  const bytes = `${request} HTTP/1.1\r\n${lines.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`;
  return (await sendBytes(urls.get(listener) ?? '', [bytes])).statuses;
}

/** Names that a web page can have, and that lead to this machine. */
const foreignHosts = [
  'evil.example',
  'evil.example:8788',
  'localhost.evil.example',
  '127.0.0.1.nip.io',
  'localhost@evil.example',
  'evil.example@localhost',
  'localhost,evil.example',
  'localhost..',
  'host.docker.internal',
  '10.0.0.1',
  '0.0.0.0',
  '2130706433',
  '',
];

test.each(requests)(
  'the %s of a running `valetkey dev` refuses %s under the name of another machine',
  async (...args) => {
    const statuses = await Promise.all(foreignHosts.map((host) => statusesOf(...args, [host])));
    expect(Object.fromEntries(foreignHosts.map((host, index) => [host, statuses[index]]))).toEqual(
      Object.fromEntries(foreignHosts.map((host) => [host, [403]])),
    );
  },
);

test.each([
  ['broker', 'GET /healthz'],
  ['admin', 'GET /v1/decisions'],
  ['sandbox', 'GET /'],
])('the %s of a running `valetkey dev` serves %s under each loopback name', async (...args) => {
  const { port } = new URL(urls.get(args[0]) ?? '');
  for (const host of [
    'localhost',
    'LOCALHOST',
    `localhost:${port}`,
    'app.localhost',
    '127.0.0.1',
    '127.0.0.2',
    '[::1]',
  ])
    expect(await statusesOf(...args, [host]), host).toEqual([200]);
});

test.each(['broker', 'admin', 'sandbox'])(
  'the %s of a running `valetkey dev` refuses a request with a second, foreign host',
  async (listener) => {
    for (const hosts of [
      ['localhost', 'evil.example'],
      ['evil.example', 'localhost'],
    ])
      expect((await statusesOf(listener, 'GET /', hosts))[0], hosts.join()).toBeOneOf([400, 403]);
  },
);
