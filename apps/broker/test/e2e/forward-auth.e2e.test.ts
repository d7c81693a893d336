import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { sendBytes } from '../support/raw-http.ts';
import { configureFor, startWatchedBroker, type WatchedBroker } from '../support/watched-broker.ts';

let sandbox: Sandbox;
let broker: WatchedBroker;
let alice: string;
let reader: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  broker = await startWatchedBroker(configureFor(sandbox));
  alice = await sandbox.mintUserToken({ sub: 'alice' });
  reader = await sandbox.mintUserToken({ sub: 'réader', scope: 'reports audit' });
});
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

describe('GET /v1/authorize', () => {
  const authorize = (query = '', init: RequestInit = {}) => fetch(`${broker.brokerUrl}/v1/authorize${query}`, init);
  const bearing = (token: string, method = 'GET') => ({ method, headers: { authorization: `Bearer ${token}` } });

  test.each(['GET', 'HEAD'])('a %s with a valid token is 204 and says who it is', async (method) => {
    const answer = await authorize('', bearing(reader, method));
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    const headers = Object.fromEntries(answer.headers);
    expect(headers).toMatchObject({
      'x-valetkey-session-valid': 'true',
      'x-valetkey-user-id': 'r%C3%A9ader',
      'x-valetkey-issuer': sandbox.urls.idp,
      'x-valetkey-scope': 'reports audit',
      'cache-control': 'no-store',
    });
  });

  test.each<[string, RequestInit, string | RegExp]>([
    ['without a token', {}, 'Bearer'],
    ['with another scheme', { headers: { authorization: 'Basic YTpi' } }, 'Bearer'],
    ['with an empty token', { headers: { authorization: 'Bearer ' } }, /^Bearer/],
    ['with two words for a token', { headers: { authorization: 'Bearer a b' } }, /^Bearer error="invalid_token"/],
    ['with a token of nobody', { headers: { authorization: 'Bearer a.b.c' } }, /^Bearer error="invalid_token"/],
  ])('%s it is 401', async (_name, init, challenge) => {
    const answer = await authorize('', init);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(challenge);
    expect(answer.headers.get('x-valetkey-user-id')).toBeNull();
  });

  test.each(['?scope=reports', '?scope=reports%20audit', '?scope=audit+reports'])('%s is carried', async (query) => {
    expect((await authorize(query, bearing(reader))).status).toBe(204);
    const refused = await authorize(query, bearing(alice));
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer error="insufficient_scope"/);
  });

  test.each(['?scope=reports%20write', '?scope=report', '?scope=Reports'])('%s is not', async (query) => {
    expect((await authorize(query, bearing(reader))).status).toBe(403);
  });

  test.each(['?scopes=reports', '?scope=', '?scope=a&scope=b', '?scope=a%20', '?scope=%22', '?a'])(
    '%s lets nobody in: it is not what the proxy meant',
    async (query) => {
      expect((await authorize(query, bearing(reader))).status).toBe(400);
    },
  );

  test('an identity provider that cannot be asked signs nobody out', async () => {
    sandbox.setFaults([{ vendor: 'idp', fault: { type: 'status', status: 500 } }]);
    await using fresh = await startWatchedBroker(configureFor(sandbox));
    const answer = await fresh.call('/v1/authorize', alice);
    sandbox.setFaults([]);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBeTruthy();
  });
});

/** A service that believes what the proxy says. */
async function startService() {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
    seen.push(request.headers);
    request.resume().once('end', () => response.end('served'));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { seen, port, [Symbol.asyncDispose]: async () => void server.close() };
}

/** The configuration that the documentation gives, with the ports of this test. */
function documented(language: string, ports: Readonly<Record<string, number>>): string {
  const page = readFileSync(new URL('../../../../docs/forward-auth.md', import.meta.url), 'utf8');
  const [, text = ''] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(page) ?? [];
  return text.replaceAll(/127\.0\.0\.1:(\d+)/g, (_address, port: string) => `127.0.0.1:${ports[port]}`);
}

const proxies = [
  {
    name: 'nginx',
    language: 'nginx',
    file: (text: string, folder: string) => `
      user root; daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
      events {}
      http {
        access_log off;
        client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
        fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
        ${text}
      }`,
    arguments: (file: string, folder: string) => ['-p', folder, '-c', file],
    version: '-v',
    unavailable: 500,
  },
  {
    name: 'caddy',
    language: 'caddyfile',
    file: (text: string) => `{\n  admin off\n  auto_https off\n}\n${text}`,
    arguments: (file: string) => ['run', '--config', file, '--adapter', 'caddyfile'],
    version: 'version',
    unavailable: 503,
  },
] as const;

describe.each(proxies)('$name, configured as documented', (proxy) => {
  const isInstalled = spawnSync(proxy.name, [proxy.version]).error === undefined;
  if (!isInstalled) {
    const message = `${proxy.name} is not installed.`;
    if (process.env['CI'] !== undefined) throw new Error(message);
    process.stderr.write(`\n*** ${message} Its tests are skipped. ***\n`);
  }

  test.skipIf(!isInstalled)('lets callers through whom the broker knows, under their own names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valetkey-proxy-'));
    await using service = await startService();
    const port = await freePort();
    sandbox.setFaults([{ vendor: 'idp', fault: { type: 'status', status: 500 } }]);
    await using fresh = await startWatchedBroker(configureFor(sandbox));
    const brokerPort = Number(new URL(fresh.brokerUrl).port);
    const text = documented(proxy.language, { 8080: port, 8787: brokerPort, 3000: service.port });
    const file = join(folder, 'proxy.conf');
    await writeFile(file, proxy.file(text, folder));
    const child = spawn(proxy.name, proxy.arguments(file, folder), {
      stdio: 'ignore',
      env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
    });
    try {
      const ask = (headers: Record<string, string>, init: RequestInit = {}) =>
        fetch(`http://127.0.0.1:${port}/reports?a=b`, { ...init, headers });
      await expect
        .poll(
          () =>
            ask({}).then(
              ({ status }) => status,
              () => 0,
            ),
          { timeout: 10_000 },
        )
        .toBe(401);
      const spoof = {
        'x-valetkey-user-id': 'root',
        'x-valetkey-issuer': 'https://evil.example',
        'x-valetkey-scope': 'reports',
        'x-valetkey-session-valid': 'true',
        x_valetkey_user_id: 'root',
        'x-valetkey_user-id': 'root',
        'x_valetkey-user-id': 'root',
      };
      expect((await ask(spoof)).headers.get('www-authenticate')).toBe('Bearer');

      const authorization = `Bearer ${reader}`;
      expect((await ask({ ...spoof, authorization })).status).toBe(proxy.unavailable);
      sandbox.setFaults([]);
      await expect.poll(() => ask({ authorization }).then(({ status }) => status), { timeout: 10_000 }).toBe(200);
      service.seen.length = 0;
      expect((await ask({ ...spoof, authorization: 'Bearer a.b.c' })).status).toBe(401);
      expect((await ask({ ...spoof, authorization: `Bearer ${alice}` })).status).toBe(403);
      expect(service.seen).toEqual([]);

      const served = [
        await ask({ ...spoof, authorization }),
        await ask({ ...spoof, authorization }, { method: 'POST', body: 'x'.repeat(100_000) }),
      ];
      expect(await Promise.all(served.map((answer) => answer.text()))).toEqual(['served', 'served']);
      for (const headers of service.seen) {
        expect(
          Object.entries(headers)
            .filter(([name]) => /^x.valetkey/.test(name))
            .toSorted(),
        ).toEqual([
          ['x-valetkey-issuer', sandbox.urls.idp],
          ['x-valetkey-scope', 'reports audit'],
          ['x-valetkey-user-id', 'r%C3%A9ader'],
        ]);
      }

      // A proxy strips what `Connection` names, after the broker's headers are put in.
      service.seen.length = 0;
      const head = `GET /reports HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${authorization}\r\n`;
      const stripping = `${head}Connection: close, X-Valetkey-User-Id, X-Valetkey-Issuer\r\n\r\n`;
      const { statuses } = await sendBytes(`http://127.0.0.1:${port}`, [stripping]);
      expect([statuses, service.seen.map((headers) => headers['x-valetkey-user-id'])]).toEqual(
        proxy.name === 'caddy' ? [[400], []] : [[200], ['r%C3%A9ader']],
      );
      // More than the broker reads, and nothing that it needs.
      const crumbs = Object.fromEntries(['x-a', 'x-b', 'x-c'].map((name) => [name, 'x'.repeat(6_000)]));
      expect((await ask({ authorization, ...crumbs })).status).toBe(proxy.name === 'nginx' ? 200 : 400);
    } finally {
      child.kill();
      await once(child, 'exit');
      await rm(folder, { recursive: true });
    }
  });
});
