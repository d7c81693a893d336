import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findFreePort } from '../support/free-port.ts';
import { findInstalledProxies, readDocumentedConfig, startProxyProgram } from '../support/proxy-program.ts';
import { sendBytes } from '../support/raw-connection.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

let sandbox: Sandbox;
let broker: RecordingBroker;
let alice: string;
/** A token with the scopes `reports` and `audit`, whose subject is not ASCII. */
let reader: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  broker = await startRecordingBroker(createConfigFor(sandbox));
  alice = await sandbox.mintUserToken({ sub: 'alice' });
  reader = await sandbox.mintUserToken({ sub: 'réader', scope: 'reports audit' });
});
beforeEach(() => sandbox.setFaults([]));
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

describe('GET /v1/authorize', () => {
  const authorize = (query = '', init: RequestInit = {}) => fetch(`${broker.brokerUrl}/v1/authorize${query}`, init);
  const withToken = (token: string, method = 'GET') => ({ method, headers: { authorization: `Bearer ${token}` } });

  test.each(['GET', 'HEAD'])(
    '/v1/authorize responds 204 to a %s with a valid token, with four headers that describe the principal',
    async (method) => {
      const response = await authorize('', withToken(reader, method));
      expect([response.status, await response.text()]).toEqual([204, '']);
      const headers = Object.fromEntries(response.headers);
      expect(headers).toMatchObject({
        'x-valetkey-session-valid': 'true',
        'x-valetkey-user-id': 'r%C3%A9ader',
        'x-valetkey-issuer': sandbox.urls.idp,
        'x-valetkey-scope': 'reports audit',
        'cache-control': 'no-store',
      });
    },
  );

  test.each<[string, RequestInit, string | RegExp]>([
    ['no token', {}, 'Bearer'],
    ['another scheme', { headers: { authorization: 'Basic YTpi' } }, 'Bearer'],
    ['an empty token', { headers: { authorization: 'Bearer ' } }, /^Bearer/],
    ['a token of two words', { headers: { authorization: 'Bearer a b' } }, /^Bearer error="invalid_token"/],
    ['a malformed token', { headers: { authorization: 'Bearer a.b.c' } }, /^Bearer error="invalid_token"/],
  ])('/v1/authorize responds 401 with a challenge to a request with %s', async (_name, init, challenge) => {
    const response = await authorize('', init);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(challenge);
    expect(response.headers.get('x-valetkey-user-id')).toBeNull();
  });

  test.each(['?scope=reports', '?scope=reports%20audit', '?scope=audit+reports'])(
    '/v1/authorize%s accepts a token with these scopes, and refuses one without them',
    async (query) => {
      expect((await authorize(query, withToken(reader))).status).toBe(204);
      const refused = await authorize(query, withToken(alice));
      expect(refused.status).toBe(403);
      expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer error="insufficient_scope"/);
    },
  );

  test.each(['?scope=reports%20write', '?scope=report', '?scope=Reports'])(
    '/v1/authorize%s refuses a token that has only other scopes',
    async (query) => {
      expect((await authorize(query, withToken(reader))).status).toBe(403);
    },
  );

  test.each(['?scopes=reports', '?scope=', '?scope=a&scope=b', '?scope=a%20', '?scope=%22', '?a'])(
    '/v1/authorize%s responds 400, because the query is not one valid `scope`',
    async (query) => {
      expect((await authorize(query, withToken(reader))).status).toBe(400);
    },
  );

  test('/v1/authorize responds 503 instead of 401 while the identity provider fails', async () => {
    sandbox.setFaults([{ vendor: 'idp', fault: { type: 'status', status: 500 } }]);
    await using brokerWithoutKeys = await startRecordingBroker(createConfigFor(sandbox));
    const response = await brokerWithoutKeys.call('/v1/authorize', alice);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBeTruthy();
  });
});

describe('the policy of forward authentication', () => {
  const isStaff = { require: { claim: 'roles', contains: 'staff' } };

  /** Starts a broker with this policy, and returns what it responds to a token. */
  async function startWithPolicy(policy: object) {
    const own = await startRecordingBroker({ ...createConfigFor(sandbox), forwardAuth: { policy } });
    const ask = async (path: string, token: string) => {
      const { status, headers } = await own.call(path, token);
      return [status, headers.get('x-valetkey-session-valid'), headers.get('x-valetkey-user-id')];
    };
    return { own, ask, [Symbol.asyncDispose]: own.broker.close };
  }
  const mintStaff = () => sandbox.mintUserToken({ sub: 'carol', claims: { roles: ['staff'] } });

  test('/v1/authorize responds 403 and /v1/resolve `false` to a principal that a rule refuses, and the audit says why', async () => {
    await using running = await startWithPolicy({ rules: [isStaff] });
    const { own, ask } = running;
    const staff = await mintStaff();
    expect(await ask('/v1/authorize', staff)).toEqual([204, 'true', 'carol']);
    expect(await ask('/v1/resolve', staff)).toEqual([200, 'true', 'carol']);
    expect(await ask('/v1/authorize', alice)).toEqual([403, null, null]);
    expect(await ask('/v1/resolve', alice)).toEqual([200, 'false', null]);
    const problem = (await (await own.call('/v1/authorize', alice)).json()) as Record<string, string>;
    expect(problem['code']).toBe('forbidden');
    expect(problem['detail']).toBe('The rule forwardAuth.policy.rules.0 refuses this request.');
    const { decisions } = JSON.parse((await own.readRecords()).audit) as { decisions: Record<string, unknown>[] };
    for (const operation of ['authorize', 'resolve']) {
      expect(decisions).toContainEqual(
        expect.objectContaining({ operation, subject: 'alice', outcome: 'forbidden', reason: 'policy.rules.0' }),
      );
    }
  });

  test('a policy with `default: deny` opens only the operations that its rules name', async () => {
    await using running = await startWithPolicy({
      default: 'deny',
      rules: [{ ...isStaff, operations: ['authorize'] }],
    });
    const staff = await mintStaff();
    expect(await running.ask('/v1/authorize', staff)).toEqual([204, 'true', 'carol']);
    expect(await running.ask('/v1/resolve', staff)).toEqual([200, 'false', null]);
    expect(await running.ask('/v1/authorize', alice)).toEqual([403, null, null]);
  });

  test('a rule that observes refuses no user, logs each user that it would have refused, and is named by /readyz', async () => {
    await using running = await startWithPolicy({ rules: [{ ...isStaff, observe: true }] });
    expect(await running.ask('/v1/authorize', alice)).toEqual([204, 'true', 'alice']);
    expect(running.own.logLines().find((line) => line.includes('would be refused'))).toMatch(
      /"operation":"authorize".*"rule":"policy\.rules\.0"/,
    );
    expect(await (await running.own.callAdmin('/readyz')).json()).toMatchObject({
      policy: 'only observed: forwardAuth.policy.rules.0',
    });
  });

  test('the function of the policy narrows both routes, and its failure is 503 on both and signs no user out', async () => {
    let decided: unknown = true;
    const received: unknown[] = [];
    const decide = async (request: unknown) => {
      received.push(request);
      if (decided instanceof Error) throw decided;
      return decided;
    };
    await using running = await startWithPolicy({ rules: [isStaff], decide });
    const { own, ask } = running;
    const staff = await mintStaff();
    expect(await ask('/v1/authorize', alice)).toEqual([403, null, null]);
    expect(received, 'the rules are first').toEqual([]);
    expect(await ask('/v1/authorize', staff)).toEqual([204, 'true', 'carol']);
    expect(received).toMatchObject([
      { operation: 'authorize', principal: { subject: 'carol', issuer: sandbox.urls.idp } },
    ]);
    expect(received[0]).not.toHaveProperty('path');
    decided = false;
    expect(await ask('/v1/authorize', staff)).toEqual([403, null, null]);
    expect(await ask('/v1/resolve', staff)).toEqual([200, 'false', null]);
    for (decided of [new Error('canary-of-the-function'), 'true', undefined]) {
      expect(await ask('/v1/resolve', staff)).toEqual([503, null, null]);
      const response = await own.call('/v1/authorize', staff);
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
      expect(((await response.json()) as { code: string }).code).toBe('policy_unavailable');
    }
    const { log, audit } = await own.readRecords();
    expect(log + audit).not.toContain('canary-of-the-function');
    expect(audit).toContain('policy.decide: threw');
  });
});

/** Starts a service behind the proxy, which records the headers that reach it. */
async function startProtectedService() {
  const received: IncomingHttpHeaders[] = [];
  const server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
    received.push(request.headers);
    request.resume().once('end', () => response.end('served'));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { received, port, [Symbol.asyncDispose]: async () => void server.close() };
}

const proxies = [
  {
    name: 'nginx',
    language: 'nginx',
    statusWithoutKeys: 500,
    whenConnectionNamesHeaders: { statuses: [200], userIds: ['r%C3%A9ader'] },
    // Of the caller's headers, the configuration of nginx forwards only `Authorization` to the broker.
    statusOfLongHeaders: 200,
  },
  {
    name: 'caddy',
    language: 'caddyfile',
    statusWithoutKeys: 503,
    // Caddy would remove each header that `Connection` names from the forwarded request, even a header of the broker.
    whenConnectionNamesHeaders: { statuses: [400], userIds: [] },
    statusOfLongHeaders: 400,
  },
] as const;
type Proxy = (typeof proxies)[number];

const installed = await findInstalledProxies(['nginx', 'caddy']);

/** Starts a broker, a service and the proxy in front of the service, and waits until the proxy asks the broker. */
async function startProxy(proxy: Proxy) {
  await using resources = new AsyncDisposableStack();
  const service = resources.use(await startProtectedService());
  const { brokerUrl } = resources.use(await startRecordingBroker(createConfigFor(sandbox)));
  const port = await findFreePort();
  const ports = { 8080: port, 8787: Number(new URL(brokerUrl).port), 3000: service.port };
  const text = readDocumentedConfig('forward-auth.md', proxy.language, ports);
  resources.use(await startProxyProgram(proxy.name, text));
  const url = `http://127.0.0.1:${port}`;
  const call = (headers: Record<string, string>, init: RequestInit = {}) =>
    fetch(`${url}/reports?a=b`, { ...init, headers });
  const statusOf = (headers: Record<string, string>) =>
    call(headers).then(
      ({ status }) => status,
      () => 'unreachable',
    );
  await expect.poll(() => statusOf({}), { timeout: 10_000 }).toBe(401);
  const kept = resources.move();
  return { url, call, statusOf, received: service.received, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** The headers that name a user, in every spelling that a service might accept. */
const forgedHeaders = {
  'x-valetkey-user-id': 'root',
  'x-valetkey-issuer': 'https://evil.example',
  'x-valetkey-scope': 'reports',
  'x-valetkey-session-valid': 'true',
  x_valetkey_user_id: 'root',
  'x-valetkey_user-id': 'root',
  'x_valetkey-user-id': 'root',
};

describe.each(proxies)('$name with the documented configuration', (proxy) => {
  const { name } = proxy;
  const isMissing = !installed.has(name);

  test.skipIf(isMissing)(`${name} forwards a request only if its token is valid and has the scope`, async () => {
    await using running = await startProxy(proxy);
    expect((await running.call(forgedHeaders)).headers.get('www-authenticate')).toBe('Bearer');
    expect(await running.statusOf({ ...forgedHeaders, authorization: 'Bearer a.b.c' })).toBe(401);
    expect(await running.statusOf({ ...forgedHeaders, authorization: `Bearer ${alice}` })).toBe(403);
    expect(running.received).toEqual([]);
  });

  test.skipIf(isMissing)(
    `${name} responds ${proxy.statusWithoutKeys}, not 401, while the identity provider fails, and serves the user afterwards`,
    async () => {
      sandbox.setFaults([{ vendor: 'idp', fault: { type: 'status', status: 500 } }]);
      await using running = await startProxy(proxy);
      const authorization = `Bearer ${reader}`;
      expect(await running.statusOf({ ...forgedHeaders, authorization })).toBe(proxy.statusWithoutKeys);
      sandbox.setFaults([]);
      await expect.poll(() => running.statusOf({ authorization }), { timeout: 10_000 }).toBe(200);
    },
  );

  test.skipIf(isMissing)(`${name} replaces every header by which a caller names a user`, async () => {
    await using running = await startProxy(proxy);
    const headers = { ...forgedHeaders, authorization: `Bearer ${reader}` };
    const responses = [
      await running.call(headers),
      await running.call(headers, { method: 'POST', body: 'x'.repeat(100_000) }),
    ];
    expect(await Promise.all(responses.map((response) => response.text()))).toEqual(['served', 'served']);
    expect(running.received).toHaveLength(2);
    for (const received of running.received) {
      expect(
        Object.entries(received)
          .filter(([header]) => /^x.valetkey/.test(header))
          .toSorted(),
      ).toEqual([
        ['x-valetkey-issuer', sandbox.urls.idp],
        ['x-valetkey-scope', 'reports audit'],
        ['x-valetkey-user-id', 'r%C3%A9ader'],
      ]);
    }
  });

  test.skipIf(isMissing)(`${name} forwards a preflight without a token, and nothing that names a user`, async () => {
    await using running = await startProxy(proxy);
    const send = (method: string, headers: Record<string, string>, body = '') => {
      const fields = Object.entries({ Host: '127.0.0.1', Connection: 'close', ...headers });
      const head = fields.map(([field, value]) => `${field}: ${value}\r\n`).join('');
      return sendBytes(running.url, [`${method} /reports HTTP/1.1\r\n${head}\r\n${body}`]);
    };
    const preflight = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'PUT' };
    const asked = { ...preflight, 'Access-Control-Request-Headers': 'authorization' };
    const hostile = { ...forgedHeaders, 'X-HTTP-Method-Override': 'DELETE', Authorization: 'Bearer x', Cookie: 'a=b' };
    expect((await send('OPTIONS', { ...asked, ...hostile })).statuses).toEqual([200]);
    expect(running.received).toHaveLength(1);
    expect(running.received[0]).toMatchObject({
      origin: 'https://app.example',
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'authorization',
    });
    const names = Object.keys(running.received[0] ?? {});
    expect(names.filter((header) => /^(x-valetkey|.*override|authorization|cookie)|valetkey/.test(header))).toEqual([]);

    // Browsers send the method as the page wrote it.
    for (const method of ['patch', 'M-SEARCH', 'VERSION-CONTROL']) {
      const other = { Origin: 'null', 'Access-Control-Request-Method': method };
      expect((await send('OPTIONS', other)).statuses).toEqual([200]);
    }
    expect(running.received.slice(1).map((headers) => headers['access-control-request-method'])).toEqual([
      'patch',
      'M-SEARCH',
      'VERSION-CONTROL',
    ]);

    const { Origin, ...withoutOrigin } = preflight;
    const refused = [
      await send('OPTIONS', {}),
      await send('OPTIONS', { Origin }),
      await send('OPTIONS', withoutOrigin),
      await send('OPTIONS', { ...preflight, 'Access-Control-Request-Method': '' }),
      await send('OPTIONS', { ...preflight, 'Access-Control-Request-Method': 'PUT DELETE' }),
      await send('PUT', preflight),
      await send('GET', { ...preflight, 'X-HTTP-Method-Override': 'OPTIONS' }),
    ];
    expect(refused.map(({ statuses }) => statuses)).toEqual(Array.from({ length: 7 }, () => [401]));
    expect(running.received).toHaveLength(4);
  });

  test.skipIf(isMissing)(
    `${name} forwards no request without \`x-valetkey-user-id\` when \`Connection\` names that header`,
    async () => {
      await using running = await startProxy(proxy);
      const head = `GET /reports HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${reader}\r\n`;
      const { statuses } = await sendBytes(running.url, [
        `${head}Connection: close, X-Valetkey-User-Id, X-Valetkey-Issuer\r\n\r\n`,
      ]);
      const userIds = running.received.map((headers) => headers['x-valetkey-user-id']);
      expect({ statuses, userIds }).toEqual(proxy.whenConnectionNamesHeaders);
    },
  );

  test.skipIf(isMissing)(
    `${name} responds ${proxy.statusOfLongHeaders} to a request with more header bytes than the broker accepts`,
    async () => {
      await using running = await startProxy(proxy);
      const longHeaders = Object.fromEntries(['x-a', 'x-b', 'x-c'].map((header) => [header, 'x'.repeat(6_000)]));
      expect(await running.statusOf({ authorization: `Bearer ${reader}`, ...longHeaders })).toBe(
        proxy.statusOfLongHeaders,
      );
    },
  );
});
