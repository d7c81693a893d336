/// <reference lib="dom" />
// Tests the client SDK in a real browser, on a page whose origin is not the broker's.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBroker, type Broker } from '@valetkey/broker';
import type * as Client from '@valetkey/client-sdk';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { vendorsOf } from './clients/sandbox-broker.ts';
import { hasChromium, launchChromium, servePage } from './testing/client-page.ts';

/** Returns a port on which no process listens: the broker must know its public URL before it listens. */
async function findFreePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

describe.skipIf(!hasChromium())('in Chromium', () => {
  let browser: Browser;
  let sandbox: Sandbox;
  let broker: Broker;
  let brokerUrl: string;
  let alice: string;
  /** A broker for tokens that are bound to a key. */
  let dpopBroker: Broker;
  let dpopUrl: string;
  let page: Page;
  let app: Awaited<ReturnType<typeof servePage>>;
  let otherSite: Awaited<ReturnType<typeof servePage>>;
  const consoleMessages: string[] = [];

  beforeAll(async () => {
    [app, otherSite, sandbox] = await Promise.all([servePage(), servePage(), createSandbox()]);
    const { urls } = sandbox;
    broker = createBroker({
      listen: { port: 0 },
      admin: { port: 0 },
      store: { sqlite: ':memory:' },
      log: { level: 'silent' },
      cors: { origins: [app.origin] },
      callerLimits: { requestsPerMinute: 300 },
      issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
      vendors: vendorsOf(sandbox),
    });
    ({ brokerUrl } = await broker.listen());
    const port = await findFreePort();
    dpopUrl = `http://127.0.0.1:${port}`;
    dpopBroker = createBroker({
      listen: { port },
      admin: { port: 0 },
      store: { sqlite: ':memory:' },
      log: { level: 'silent' },
      cors: { origins: [app.origin] },
      publicUrl: dpopUrl,
      issuers: [{ issuer: urls.idp, audiences: ['valetkey'], dpop: { nonceRequired: true } }],
      vendors: vendorsOf(sandbox),
    });
    await dpopBroker.listen();
    alice = await sandbox.mintUserToken({ sub: 'alice' });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    await broker.close();
    await dpopBroker.close();
    await sandbox.close();
    app.close();
    otherSite.close();
  });
  beforeEach(async () => {
    consoleMessages.length = 0;
    sandbox.resetCalls();
    page = await browser.newPage();
    page.on('console', (message) => consoleMessages.push(message.text()));
    page.on('pageerror', (error) => consoleMessages.push(error.message));
    return () => page.close();
  });

  /** Runs a function in the page and passes it the client's module and a client of the broker. */
  async function inPage<Result>(
    run: (sdk: typeof Client, valet: Client.ValetClient) => Promise<Result>,
    { origin = app.origin, token = alice, url = brokerUrl } = {},
  ): Promise<Result> {
    // The device's clocks stand still, so that the measured offset is exact.
    await page.clock.setFixedTime('2026-11-20T10:00:00.000Z');
    await page.goto(origin);
    const script = `(async () => {
      performance.now = () => 0;
      const sdk = await import('/index.ts');
      const valet = sdk.createValetClient({
        brokerUrl: ${JSON.stringify(url)},
        getAppToken: () => ${JSON.stringify(token)},
      });
      return (${run.toString()})(sdk, valet);
    })()`;
    return (await page.evaluate(script)) as Result;
  }

  test('every vendor function returns its token or data, and the browser stores and prints nothing', async () => {
    const results = await inPage(async (sdk, valet) => ({
      nabla: await sdk.nablaSessionTokens(valet)(),
      nudge: await sdk.nudgeRefreshToken(valet)(),
      vital: await sdk.vitalSignInToken(valet)(),
      nymbl: await (await sdk.nymblFetch(valet)('/Patients?$top=1')).json(),
      session: await valet.session(),
      offsetMs: valet.serverTimeOffsetMs,
      deviceTimeMs: Date.now(),
      shown: JSON.stringify(valet),
      stored: [
        { ...localStorage },
        { ...sessionStorage },
        document.cookie,
        await indexedDB.databases(),
        await caches.keys(),
      ],
      addresses: performance.getEntriesByType('resource').map(({ name }) => name),
    }));
    const jwt = expect.stringMatching(/^eyJ/) as unknown;
    expect(results).toMatchObject({
      nabla: { accessToken: jwt, refreshToken: jwt },
      nudge: jwt,
      vital: jwt,
      nymbl: { value: expect.any(Array) as unknown },
      session: { subject: 'alice' },
      stored: [{}, {}, '', [], []],
    });
    expect(results.offsetMs).toBe(Date.parse(results.session.server_time) - results.deviceTimeMs);
    expect(results.shown + results.addresses.join() + consoleMessages.join()).not.toMatch(/eyJ/);
    expect(consoleMessages).toEqual([]);
  });

  test('100 concurrent calls share one account-bound token', async () => {
    const tokens = await inPage(async (sdk, valet) => {
      const refreshToken = sdk.nudgeRefreshToken(valet);
      return Promise.all(Array.from({ length: 100 }, () => refreshToken()));
    });
    expect(new Set(tokens).size).toBe(1);
    expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 1 });
  });

  test('a page of another origin reads the code, retry time and request id of an error', async () => {
    sandbox.setFaults([
      { vendor: 'nudge', fault: { type: 'rate-limit', retryAfter: { form: 'seconds', seconds: 7 } } },
    ]);
    const failure = await inPage(async (_sdk, valet) =>
      valet.issue('nudge').then(
        () => 'issued',
        (error: Client.ValetError) => [error.code, error.retryAfterSeconds, error.requestId?.length],
      ),
    );
    sandbox.setFaults([]);
    expect(failure).toEqual(['vendor_rate_limited', 7, 36]);
  });

  test('a page whose clock is wrong sends tokens that are bound to a key of the browser, which no script can read', async () => {
    await page.clock.setFixedTime('2026-11-20T10:00:00.000Z');
    await page.goto(app.origin);
    const jwk = (await page.evaluate(`(async () => {
      const curve = { name: 'ECDSA', namedCurve: 'P-256' };
      globalThis.keyPair = await crypto.subtle.generateKey(curve, false, ['sign', 'verify']);
      return crypto.subtle.exportKey('jwk', keyPair.publicKey);
    })()`)) as Record<'crv' | 'kty' | 'x' | 'y', string>;
    const { crv, kty, x, y } = jwk;
    const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
    const token = await sandbox.mintUserToken({ sub: 'alice', claims: { cnf: { jkt } } });
    const results = await page.evaluate(`(async () => {
      const sdk = await import('/index.ts');
      const valet = sdk.createValetClient({
        brokerUrl: ${JSON.stringify(dpopUrl)},
        getAppToken: () => ${JSON.stringify(token)},
        dpop: sdk.dpopProofs(keyPair),
      });
      const { subject } = await valet.session();
      const { vendor } = await valet.issue('nudge');
      const { status } = await valet.fetch('nymbl', '/Patients?$top=1');
      return { subject, vendor, status };
    })()`);
    expect(results).toEqual({ subject: 'alice', vendor: 'nudge', status: 200 });
    const stolen = await fetch(`${dpopUrl}/v1/session`, { headers: { authorization: `Bearer ${token}` } });
    expect(stolen.status).toBe(401);
  });

  test('a call rejects with invalid_token for a refused app token, and a valid token still works', async () => {
    const codeOf = async (_sdk: typeof Client, valet: Client.ValetClient) =>
      valet.session().then(
        () => 'accepted',
        (error: Client.ValetError) => error.code,
      );
    expect(await inPage(codeOf, { token: 'a.b.c' })).toBe('invalid_token');
    expect(await inPage(codeOf)).toBe('accepted');
  });

  test('an aborted call rejects while the vendor still hangs', async () => {
    sandbox.setFaults([{ vendor: 'nabla', fault: { type: 'hang' } }]);
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    const outcome = inPage(async (_sdk, valet) => {
      const controller = new AbortController();
      addEventListener('abort-call', () => controller.abort());
      return valet.issue('nabla', {}, { signal: controller.signal }).then(
        () => 'issued',
        (error: Client.ValetError) => error.code,
      );
    });
    await sent;
    await page.evaluate("dispatchEvent(new Event('abort-call'))");
    expect(await outcome).toBe('aborted');
    sandbox.setFaults([]);
  });

  test('a call rejects when a gateway redirects it, and the browser does not follow the redirect', async () => {
    const methods: string[] = [];
    const gateway = createServer(({ method = '' }, response) => {
      methods.push(method);
      const allowed = { 'access-control-allow-origin': app.origin, 'access-control-allow-headers': 'authorization' };
      if (method === 'OPTIONS') response.writeHead(204, allowed).end();
      else response.writeHead(302, { ...allowed, location: `${brokerUrl}/v1/session` }).end();
    });
    await once(gateway.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void gateway.close());
    const { port } = gateway.address() as AddressInfo;

    const failure = await inPage(
      async (_sdk, valet) =>
        valet.session().then(
          () => 'followed',
          (error: Client.ValetError) => [error.code, error.message],
        ),
      { url: `http://127.0.0.1:${port}` },
    );

    expect(failure).toEqual(['network_unavailable', 'The broker responded with a redirect.']);
    expect(methods).toEqual(['OPTIONS', 'GET']);
  });

  test('signOut ends a body that the page has not read yet, and the next user reads a new one', async () => {
    const outcomes = await inPage(async (_sdk, valet) => {
      const codeOf = (error: Client.ValetError) => error.code;
      const before = await valet.fetch('nymbl', '/Patients?$top=1');
      valet.signOut();
      const after = await valet.fetch('nymbl', '/Patients?$top=1');
      return [await before.json().catch(codeOf), Object.keys((await after.json()) as object).includes('value')];
    });

    expect(outcomes).toEqual(['aborted', true]);
  });

  test('a page of an origin that is not configured receives network_unavailable, and the broker calls no vendor', async () => {
    const code = await inPage(
      async (_sdk, valet) =>
        valet.issue('nudge').then(
          () => 'issued',
          (error: Client.ValetError) => error.code,
        ),
      { origin: otherSite.origin },
    );
    expect(code).toBe('network_unavailable');
    expect(sandbox.calls()['nudge'] ?? {}).toEqual({});
  });
});
