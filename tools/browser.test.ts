/// <reference lib="dom" />
// The client SDK in a real browser, on a page of another origin than the broker's.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createBroker, type Broker } from '@valetkey/broker';
import type * as Client from '@valetkey/client-sdk';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const client = new URL('../apps/client-sdk/src/', import.meta.url);
const executablePath = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
);
if (executablePath === undefined) {
  const message = 'Chromium is not installed, and CHROMIUM does not name it.';
  if (process.env['CI'] !== undefined) throw new Error(message);
  process.stderr.write(`\n*** ${message} The tests of the client SDK in a browser are skipped. ***\n`);
}

/** A page that holds nothing but the client's modules, of which the types are taken off on the way. */
async function servePage() {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').slice(1);
    if (path === '') {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><link rel="icon" href="data:,">');
    } else if (/^[\w/-]+\.ts$/.test(path)) {
      const source = readFileSync(new URL(path, client), 'utf8');
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(stripTypeScriptTypes(source));
    } else {
      response.writeHead(404).end();
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => void server.close() };
}

describe.skipIf(executablePath === undefined)('in Chromium', () => {
  let browser: Browser;
  let sandbox: Sandbox;
  let broker: Broker;
  let brokerUrl: string;
  let alice: string;
  let page: Page;
  let app: Awaited<ReturnType<typeof servePage>>;
  let stranger: Awaited<ReturnType<typeof servePage>>;
  const said: string[] = [];

  beforeAll(async () => {
    [app, stranger, sandbox] = await Promise.all([servePage(), servePage(), createSandbox()]);
    const { urls, credentials } = sandbox;
    const { customer, ...nymbl } = credentials.nymbl;
    broker = createBroker({
      listen: { port: 0 },
      admin: { port: 0 },
      store: { sqlite: ':memory:' },
      log: { level: 'silent' },
      cors: { origins: [app.origin] },
      callerLimits: { requestsPerMinute: 300 },
      issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
      vendors: {
        nabla: { ...credentials.nabla, baseUrl: urls.nabla, user: { claim: 'sub' } },
        nudge: { ...credentials.nudge, baseUrl: urls.nudge },
        nymbl: {
          ...nymbl,
          baseUrl: urls.nymbl,
          tokenUrl: `${urls.nymblIdp}/oauth2/token`,
          customer: { value: customer },
          allow: [{ method: 'GET', path: '/Patients' }],
        },
        vital: { ...credentials.vital, baseUrl: urls.vital, environment: 'sandbox', region: 'us' },
      },
    });
    ({ brokerUrl } = await broker.listen());
    alice = await sandbox.mintUserToken({ sub: 'alice' });
    const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
    browser = await chromium.launch({
      ...(executablePath !== undefined && { executablePath }),
      args: [...args, '--disable-component-update', '--disable-sync'],
    });
  });
  afterAll(async () => {
    await browser.close();
    await broker.close();
    await sandbox.close();
    app.close();
    stranger.close();
  });
  beforeEach(async () => {
    said.length = 0;
    sandbox.resetCalls();
    page = await browser.newPage();
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    return () => page.close();
  });

  /** Runs a function in the page, with the client's module and a client of the broker. */
  async function inPage<Result>(
    run: (sdk: typeof Client, valet: Client.ValetClient) => Promise<Result>,
    { origin = app.origin, token = alice } = {},
  ): Promise<Result> {
    await page.goto(origin);
    const script = `(async () => {
      const sdk = await import('/index.ts');
      const valet = sdk.createValetClient({
        brokerUrl: ${JSON.stringify(brokerUrl)},
        getAppToken: () => ${JSON.stringify(token)},
      });
      return (${run.toString()})(sdk, valet);
    })()`;
    return (await page.evaluate(script)) as Result;
  }

  test('every vendor is there, and nothing is left behind in the browser', async () => {
    const answers = await inPage(async (sdk, valet) => ({
      nabla: await sdk.nablaSessionTokens(valet)(),
      nudge: await sdk.nudgeRefreshToken(valet)(),
      vital: await sdk.vitalSignInToken(valet),
      nymbl: await (await sdk.nymblFetch(valet)('/Patients?$top=1')).json(),
      session: await valet.session(),
      offsetMs: valet.serverTimeOffsetMs,
      shown: JSON.stringify(valet),
      kept: [
        { ...localStorage },
        { ...sessionStorage },
        document.cookie,
        await indexedDB.databases(),
        await caches.keys(),
      ],
      addresses: performance.getEntriesByType('resource').map(({ name }) => name),
    }));
    const jwt = expect.stringMatching(/^eyJ/) as unknown;
    expect(answers).toMatchObject({
      nabla: { accessToken: jwt, refreshToken: jwt },
      nudge: jwt,
      nymbl: { value: expect.any(Array) as unknown },
      session: { subject: 'alice' },
      kept: [{}, {}, '', [], []],
    });
    expect(Math.abs(answers.offsetMs ?? Infinity)).toBeLessThan(5_000);
    expect(answers.shown + answers.addresses.join() + said.join()).not.toMatch(/eyJ/);
    expect(said).toEqual([]);
  });

  test('a hundred callers at once share one token of the account', async () => {
    const tokens = await inPage(async (sdk, valet) => {
      const refreshToken = sdk.nudgeRefreshToken(valet);
      return Promise.all(Array.from({ length: 100 }, () => refreshToken()));
    });
    expect(new Set(tokens).size).toBe(1);
    expect(sandbox.calls()['nudge']).toEqual({ 'GET /api/clients/jwt/token': 1 });
  });

  test('a failure tells across origins what it is and when to come again', async () => {
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

  test('a token that the broker does not take signs out, and only that', async () => {
    const codeOf = async (_sdk: typeof Client, valet: Client.ValetClient) =>
      valet.session().then(
        () => 'there',
        (error: Client.ValetError) => error.code,
      );
    expect(await inPage(codeOf, { token: 'a.b.c' })).toBe('invalid_token');
    expect(await inPage(codeOf)).toBe('there');
  });

  test('a caller who leaves is let go at once', async () => {
    sandbox.setFaults([{ vendor: 'nabla', fault: { type: 'hang' } }]);
    const code = await inPage(async (_sdk, valet) => {
      const leaving = new AbortController();
      const asking = valet.issue('nabla', {}, { signal: leaving.signal });
      setTimeout(() => leaving.abort(), 50);
      return asking.then(
        () => 'issued',
        (error: Client.ValetError) => error.code,
      );
    });
    sandbox.setFaults([]);
    expect(code).toBe('aborted');
  });

  test('a page of another origin gets nothing', async () => {
    const code = await inPage(
      async (_sdk, valet) =>
        valet.issue('nudge').then(
          () => 'issued',
          (error: Client.ValetError) => error.code,
        ),
      { origin: stranger.origin },
    );
    expect(code).toBe('network_unavailable');
    expect(sandbox.calls()['nudge'] ?? {}).toEqual({});
  });
});
