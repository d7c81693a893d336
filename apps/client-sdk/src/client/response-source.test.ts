import { expect, test } from 'vitest';
import { createValetClient } from './client.ts';
import { startFakeBroker } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';

/** Creates a client whose requests receive `response`, as from the URL `url`. */
function clientOf(response: Response, fields: object = {}, brokerUrl = 'https://broker.example/valet') {
  for (const [name, value] of Object.entries(fields)) Object.defineProperty(response, name, { value });
  return createValetClient({ brokerUrl, getAppToken: () => 'app-token', fetch: async () => response });
}

const fromVendor = () => new Response('{}', { headers: { 'valet-key': 'vendor' } });

test.each([200, 404, 511, 502])("fetch does not return a network's or gateway's own page (HTTP %i)", async (status) => {
  const headers = { 'content-type': 'text/html; charset=utf-8' };
  const page = { status, headers, body: '<html>Sign in to the hotel</html>', mark: 'none' } as const;
  const broker = await startFakeBroker(() => page);
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => 'app-token' });

  const error = await failureOf(valet.fetch('nymbl', '/Patients'));

  expect(error).toMatchObject({ code: 'response_invalid', status, retryable: status !== 404 });
  expect(error.message).not.toContain('hotel');
});

test('a successful response without the mark, as of an older broker, is refused and tells what to do', async () => {
  const body = { subject: 'alice', vendors: {}, server_time: '2026-11-20T10:00:00.000Z' };
  const valet = clientOf(new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } }));

  const error = await failureOf(valet.session());

  expect(error).toMatchObject({ code: 'response_invalid', status: 200, retryable: false });
  expect(error.remediation).toContain('not older than this client');
});

test('a page with a problem document of its own is not an error of the broker without the mark', async () => {
  const headers = { 'content-type': 'application/problem+json' };
  const body = JSON.stringify({ code: 'user_blocked', detail: 'x', request_id: '1' });

  const valet = clientOf(new Response(body, { status: 403, headers }));

  expect(await failureOf(valet.session())).toMatchObject({ code: 'response_invalid', status: 403 });
});

test('an error of the broker without a readable body, as for HEAD, is never a response of the vendor', async () => {
  const valet = clientOf(new Response(null, { status: 503, headers: { 'valet-key': 'broker', 'retry-after': '2' } }));

  const failure = await failureOf(valet.fetch('nymbl', '/x', { method: 'HEAD' }));

  expect(failure).toMatchObject({ code: 'response_invalid', status: 503, retryable: true, retryAfterSeconds: 2 });
});

test.each([
  ['an opaque redirect', { type: 'opaqueredirect' }],
  ['a followed redirect', { redirected: true }],
  ['another host', { url: 'https://evil.example/v1/vendors/nymbl/proxy/x' }],
  ['a subdomain', { url: 'https://broker.example.evil.example/x' }],
  ['another port', { url: 'https://broker.example:8443/x' }],
  ['another scheme', { url: 'http://broker.example/x' }],
])('a call rejects with network_unavailable after %s', async (_, fields) => {
  const valet = clientOf(fromVendor(), fields);

  expect(await failureOf(valet.fetch('nymbl', '/x'))).toMatchObject({ code: 'network_unavailable', vendor: 'nymbl' });
});

test.each([301, 302, 303, 307, 308])('a call rejects with network_unavailable after HTTP %i', async (status) => {
  const valet = clientOf(new Response(null, { status, headers: { 'valet-key': 'vendor', location: '/x' } }));

  expect(await failureOf(valet.fetch('nymbl', '/x'))).toMatchObject({ code: 'network_unavailable' });
});

test.each([
  ['https://broker.example', ''],
  ['https://broker.example', 'https://broker.example/v1/x?y#z'],
  ['HTTPS://Broker.Example:443', 'https://broker.example/x'],
  ['http://[::1]:80', 'http://[::1]/x'],
])('a client of %s accepts a response whose url is "%s"', async (brokerUrl, url) => {
  expect((await clientOf(fromVendor(), { url }, brokerUrl).fetch('nymbl', '/x')).status).toBe(200);
});
