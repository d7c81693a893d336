import { expect, test } from 'vitest';
import { createValetClient } from './client.ts';
import { issued, json, problem, startFakeBroker } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';

const getAppToken = () => 'app-token';

test("fetch resolves with the vendor's response, even if its status is 404", async () => {
  const broker = await startFakeBroker(() => json({ error: { code: 'NotFound' } }, 404));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  const response = await valet.fetch('nymbl', "/Patients('1')?$top=2&$filter=Name eq 'a/../b'");

  expect(response.status).toBe(404);
  expect(await response.json()).toEqual({ error: { code: 'NotFound' } });
  expect(broker.requests[0]?.path).toBe(
    "/v1/vendors/nymbl/proxy/Patients('1')?$top=2&$filter=Name%20eq%20%27a/../b%27",
  );
});

test.each([
  ['application/problem+json', { title: 'From the vendor' }],
  ['application/problem+json', { code: 'invalid_token', detail: 'x', request_id: 'from the vendor' }],
  ['application/json', { code: 'forbidden', request_id: 'from the vendor' }],
])('fetch resolves with an error of the vendor whose type is %s', async (type, body) => {
  const broker = await startFakeBroker(() => json(body, 422, { 'content-type': type }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  const response = await valet.fetch('nymbl', '/Patients');

  expect(await response.json()).toEqual(body);
});

test('fetch sends the method, headers and body of the caller, and replaces the authorization header', async () => {
  const broker = await startFakeBroker(() => json({}));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  await valet.fetch('nymbl', '/Notes', {
    method: 'POST',
    headers: { Authorization: 'Bearer from-the-caller', 'x-trace': '1' },
    body: 'hello',
  });

  expect(broker.requests[0]).toMatchObject({ method: 'POST', body: 'hello' });
  expect(broker.requests[0]?.headers).toMatchObject({ authorization: 'Bearer app-token', 'x-trace': '1' });
});

test('each call tells the platform not to follow redirects or send cookies, even if the caller wants both', async () => {
  const sent: (RequestInit | undefined)[] = [];
  const valet = createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken,
    fetch: async (_url, init) => {
      sent.push(init);
      return new Response('{}', { headers: { 'valet-key': 'vendor' } });
    },
  });

  await valet.fetch('nymbl', '/Notes', { redirect: 'follow', credentials: 'include' });
  await failureOf(valet.issue('nudge'));
  await failureOf(valet.session());

  expect(sent).toHaveLength(3);
  for (const init of sent) expect(init).toMatchObject({ redirect: 'manual', credentials: 'omit' });
});

test('fetch rejects when the broker refuses the call', async () => {
  const broker = await startFakeBroker(() => problem(403, 'forbidden'));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await failureOf(valet.fetch('nymbl', '/Secrets'))).toMatchObject({ code: 'forbidden', vendor: 'nymbl' });
});

test('fetch repeats a call with a text body after invalid_token, but not a call with a stream as its body', async () => {
  const broker = await startFakeBroker(() => problem(401, 'invalid_token'));
  let count = 0;
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => `token-${++count}` });
  const stream = new Blob(['hello']).stream();
  const init = { method: 'POST', duplex: 'half' } as const;

  const failure = await failureOf(valet.fetch('nymbl', '/Notes', { ...init, body: stream }));
  expect(failure).toMatchObject({ code: 'invalid_token' });
  expect(broker.requests).toHaveLength(1);

  await failureOf(valet.fetch('nymbl', '/Notes', { ...init, body: 'hello' }));
  expect(broker.requests).toHaveLength(3);
});

test.each(['https://api.example.com/v1/Patients?$skip=10&a=b c#d', 'HTTP://127.0.0.1:1/x', 'https://evil.example/x'])(
  'fetch sends the absolute link %s to the broker alone, as a parameter',
  async (link) => {
    const broker = await startFakeBroker(() => json({}));
    const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

    await valet.fetch('nymbl', link);

    const { pathname, searchParams } = new URL(broker.requests[0]?.path ?? '', broker.url);
    expect([pathname, [...searchParams]]).toEqual(['/v1/vendors/nymbl/proxy', [['url', link]]]);
  },
);

test("the caller's signal ends the body of a proxied response after fetch has resolved", async () => {
  const valet = createValetClient({
    brokerUrl: 'https://broker.example',
    getAppToken,
    fetch: async (_url, init) =>
      new Response(
        new ReadableStream({
          start: (stream) => init?.signal?.addEventListener('abort', () => stream.error(new Error('broken'))),
        }),
        { headers: { 'valet-key': 'vendor' } },
      ),
  });
  const controller = new AbortController();

  const response = await valet.fetch('nymbl', '/Files', { signal: controller.signal });
  const body = response.text();
  controller.abort();

  expect(await failureOf(body)).toMatchObject({ code: 'aborted' });
});

test.each([
  '',
  'Patients',
  '//evil.example/x',
  '@evil.example/x',
  '/..',
  '/../../token',
  '/a/../../../session',
  '/a/..\\..\\token',
  '/\\evil.example',
  '/%2e%2e/token',
  '/.%2E/token',
  '/./Patients',
  '/.\t./token',
  '/.. ',
  '/a b',
  '/a#b',
  '/a?b#c',
  '/a?b\nc',
])('fetch rejects the path %j with invalid_request and sends nothing', async (path) => {
  const broker = await startFakeBroker(() => issued('nymbl', {}));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await failureOf(valet.fetch('nymbl', path))).toMatchObject({ code: 'invalid_request', vendor: 'nymbl' });
  expect(broker.requests).toHaveLength(0);
});

test.each(['', '..', '.', 'a/b', 'a%2fb', 'nymbl?x', 'ny mbl'])(
  'fetch and issue reject the vendor name %j with invalid_request',
  async (vendor) => {
    const valet = createValetClient({ brokerUrl: 'https://broker.example', getAppToken });

    expect(await failureOf(valet.fetch(vendor, '/x'))).toMatchObject({ code: 'invalid_request' });
    expect(await failureOf(valet.issue(vendor))).toMatchObject({ code: 'invalid_request' });
  },
);

test('no generated path leads to a URL outside the proxy of its vendor', async () => {
  const pieces = [
    '/',
    '.',
    '..',
    '%2e',
    '%2E',
    '\\',
    '?',
    '#',
    '@',
    ':',
    ' ',
    '\t',
    '\n',
    '%5c',
    '%2f',
    'a',
    'é',
    '\u0000',
    '//',
  ];
  const urls: string[] = [];
  const valet = createValetClient({
    brokerUrl: 'https://broker.example/base',
    getAppToken,
    fetch: async (url) => {
      urls.push(String(url));
      return new Response('', { headers: { 'valet-key': 'vendor' } });
    },
  });
  let seed = 20_261_120;
  const next = (bound: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * bound);
  };

  for (let round = 0; round < 20_000; round += 1) {
    const path = `/${Array.from({ length: 1 + next(6) }, () => pieces[next(pieces.length)]).join('')}`;
    await valet.fetch('nymbl', path).catch(() => undefined);
  }

  expect(urls.length).toBeGreaterThan(500);
  for (const url of urls)
    expect(new URL(url).href).toMatch(/^https:\/\/broker\.example\/base\/v1\/vendors\/nymbl\/proxy\//);
});
