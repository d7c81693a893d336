import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

interface Received {
  readonly line: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

const expiresAt = Math.floor(Date.now() / 1_000) + 1_800;
const responses: Readonly<Record<string, (received: Received) => object>> = {
  'POST /v1/customers': ({ body }) => ({ id: `cus_${body.slice(-6)}` }),
  'POST /v1/customer_sessions': () => ({ client_secret: 'sample-client-secret', expires_at: expiresAt }),
  'POST /v1/realtime/client_secrets': () => ({ value: 'sample-value', expires_at: expiresAt }),
  'POST /link/token/create': () => ({ link_token: 'sample-link-token', expiration: new Date(expiresAt * 1_000) }),
};

const received: Received[] = [];
const vendor = createServer((request, response) => {
  void (async () => {
    const call = { line: `${request.method} ${request.url}`, headers: request.headers, body: await text(request) };
    received.push(call);
    const json = responses[call.line]?.(call);
    response.writeHead(json === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(json ?? { error: { message: 'unknown' } }));
  })();
});

let sandbox: Sandbox;
let broker: RecordingBroker;
let tokens: readonly string[];
beforeAll(async () => {
  await once(vendor.listen(0, '127.0.0.1'), 'listening');
  const baseUrl = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`;
  sandbox = await createSandbox();
  const config = createConfigFor(sandbox);
  broker = await startRecordingBroker({
    ...config,
    vendors: {
      ...config.vendors,
      'stripe-customer-session': {
        secretKey: 'sample-stripe-key',
        baseUrl,
        set: { components: { payment_element: { enabled: true } } },
      },
      'openai-realtime': { apiKey: 'sample-openai-key', baseUrl, set: { model: 'gpt-realtime' } },
      'plaid-link': {
        secret: 'sample-plaid-secret',
        baseUrl,
        clientId: 'sample-client-id',
        environment: 'sandbox',
        clientName: 'Sample',
        set: { products: ['auth'], country_codes: ['US'] },
      },
    },
  });
  tokens = await Promise.all(['alice', 'bob'].map((sub) => sandbox.mintUserToken({ sub })));
});
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
  vendor.close();
});

const issue = async (connection: string, token: string | undefined, body: object = {}) => {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await broker.call(`/v1/vendors/${connection}/token`, token, init);
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
};

test('each person gets one customer at Stripe, however many sessions they request at once', async () => {
  const [alice, bob] = tokens;
  const outcomes = await Promise.all(
    [alice, alice, alice, bob].map((token) => issue('stripe-customer-session', token)),
  );

  expect(outcomes.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const customers = outcomes.map(({ body }) => body['customer']);
  expect(new Set(customers.slice(0, 3)).size).toBe(1);
  expect(customers[3]).not.toBe(customers[0]);
  expect(outcomes[0]?.body).toMatchObject({ client_secret: 'sample-client-secret', vendor_user_id: customers[0] });
  // A client secret of Stripe works once, so that no client keeps it.
  expect(outcomes[0]?.body).not.toHaveProperty('refresh_after');

  const created = received.filter(({ line }) => line === 'POST /v1/customers');
  const keys = created.map(({ headers }) => headers['idempotency-key']);
  expect(new Set(keys).size).toBe(2);
  expect(keys).toHaveLength(2);
  expect(received.filter(({ line }) => line.endsWith('customer_sessions')).map(({ body }) => body)).toContain(
    `customer=${String(customers[0])}&components[payment_element][enabled]=true`,
  );
});

test('a caller sets neither the model of OpenAI nor the products of Plaid', async () => {
  const [alice] = tokens;
  const before = received.length;
  for (const [connection, body] of [
    ['openai-realtime', { model: 'gpt-expensive' }],
    ['openai-realtime', { session: { model: 'gpt-expensive' } }],
    ['openai-realtime', { expires_in_seconds: 7_201 }],
    ['plaid-link', { products: ['transactions'] }],
    ['plaid-link', { client_user_id: 'bob' }],
  ] as const) {
    expect(await issue(connection, alice, body)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  }
  expect(received).toHaveLength(before);

  const { body } = await issue('openai-realtime', alice, { expires_in_seconds: 60 });
  expect(body).toMatchObject({ value: 'sample-value', vendor: 'openai-realtime' });
  expect(received.at(-1)?.body).toContain('"seconds":60');
  expect(await issue('plaid-link', alice)).toMatchObject({ status: 200, body: { link_token: 'sample-link-token' } });
});

test('no response, log line, row of the audit or error contains a key or a token of a vendor', async () => {
  const [alice] = tokens;
  const refused = await issue('plaid-link', alice, { products: ['transactions'] });
  const { log, audit, failures } = await broker.readRecords();
  const shown = [JSON.stringify(refused), log, audit, failures].join('\n');
  const secrets = ['stripe-key', 'openai-key', 'plaid-secret', 'client-secret', 'value', 'link-token'];
  expect(secrets.filter((secret) => shown.includes(`sample-${secret}`))).toEqual([]);
  expect(audit).toContain('plaid-link');
});
