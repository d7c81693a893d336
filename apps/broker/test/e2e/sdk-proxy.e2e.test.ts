import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readSdkRequests } from '../support/sdk-requests.ts';
import { startSdkBroker, vendorKey, type SdkBroker } from '../support/sdk-broker.ts';

let proxied: SdkBroker;
let alice: string;
/** Everything that callers received. */
const received: string[] = [];

beforeAll(async () => {
  proxied = await startSdkBroker();
  alice = await proxied.sandbox.mintUserToken({ sub: 'alice' });
});
afterEach(() => {
  proxied.vendor.respondWith(undefined);
  proxied.vendor.calls.length = 0;
});
afterAll(() => proxied.close());

type Headers = Readonly<Record<string, string>>;

async function send(
  connection: string,
  path: string,
  headers: Headers,
  body: object | string | Uint8Array<ArrayBuffer> = '',
) {
  const response = await fetch(proxied.baseUrlOf(connection) + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });
  const text = await response.text();
  received.push(JSON.stringify([...response.headers]), text);
  return { status: response.status, headers: response.headers, text };
}

test.each(readSdkRequests().requests)(
  'forwards $title of $connection as the published SDK sends it',
  async ({ connection, path: target, headers, body }) => {
    const own = Object.entries(headers).map(([name, value]) => [name, value.replace('<token>', alice)]);
    const response = await send(connection, target, Object.fromEntries(own) as Headers, body);
    expect(response.status).toBe(200);
    expect(proxied.vendor.calls).toMatchObject([{ method: 'POST', path: target, body }]);
  },
);

const messages = [{ role: 'user', content: 'Hello' }];
const chat = { model: 'sample-model', max_completion_tokens: 100, messages };
const claude = { model: 'sample-model', max_tokens: 100, messages };
const gemini = { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }], generationConfig: { maxOutputTokens: 100 } };
const speech = { text: 'Hello', model_id: 'sample-model' };

const bearer = () => ({ authorization: `Bearer ${alice}` });
const keyIn = (header: string) => ({ [header]: alice });

test.each<[string, string, () => Headers, object | string, string, string]>([
  ['openai-proxy', '/v1/chat/completions', bearer, chat, 'authorization', `Bearer ${vendorKey}`],
  [
    'openai-proxy',
    '/v1/responses',
    bearer,
    { model: 'sample-model', max_output_tokens: 9, input: 'Hello' },
    'authorization',
    `Bearer ${vendorKey}`,
  ],
  [
    'openai-proxy',
    '/v1/embeddings',
    bearer,
    { model: 'sample-model', input: 'Hello' },
    'authorization',
    `Bearer ${vendorKey}`,
  ],
  [
    'openai-proxy',
    '/v1/audio/speech',
    bearer,
    { model: 'sample-model', input: 'Hello', voice: 'a' },
    'authorization',
    `Bearer ${vendorKey}`,
  ],
  ['anthropic-proxy', '/v1/messages', bearer, claude, 'x-api-key', vendorKey],
  ['anthropic-proxy', '/v1/messages', () => keyIn('x-api-key'), claude, 'x-api-key', vendorKey],
  [
    'gemini-proxy',
    '/v1/models/sample-model:generateContent',
    () => keyIn('x-goog-api-key'),
    gemini,
    'x-goog-api-key',
    vendorKey,
  ],
  [
    'gemini-proxy',
    '/v1beta/models/sample-model:streamGenerateContent?alt=sse',
    () => keyIn('x-goog-api-key'),
    gemini,
    'x-goog-api-key',
    vendorKey,
  ],
  [
    'deepgram-proxy',
    '/v1/listen?model=sample-model&keyterm=a%20b&keyterm=c',
    () => ({ authorization: `Token ${alice}` }),
    { url: 'https://audio.example/a.wav' },
    'authorization',
    `Token ${vendorKey}`,
  ],
  [
    'deepgram-proxy',
    '/v1/listen?model=sample-model',
    () => ({ authorization: `Token ${alice}`, 'content-type': 'audio/wav' }),
    'x'.repeat(2_000_000),
    'authorization',
    `Token ${vendorKey}`,
  ],
  [
    'deepgram-proxy',
    '/v1/speak?model=sample-voice',
    () => ({ authorization: `token ${alice}` }),
    { text: 'Hello' },
    'authorization',
    `Token ${vendorKey}`,
  ],
  [
    'elevenlabs-proxy',
    '/v1/text-to-speech/sample-voice?output_format=mp3_44100_128',
    () => keyIn('xi-api-key'),
    speech,
    'xi-api-key',
    vendorKey,
  ],
  [
    'elevenlabs-proxy',
    '/v1/text-to-speech/sample-voice/stream',
    () => keyIn('xi-api-key'),
    speech,
    'xi-api-key',
    vendorKey,
  ],
])(
  '%s forwards %s with its own key in place of the app’s token',
  async (connection, path, credential, body, header, value) => {
    const others = {
      'anthropic-version': '2026-10-21',
      'anthropic-beta': 'mcp-client-2026-01-01',
      cookie: 'a=b',
      'x-http-method-override': 'DELETE',
      'x-goog-user-project': 'other',
      'openai-organization': 'other',
    };
    const response = await send(connection, path, { ...others, ...credential() }, body);
    expect(response.status).toBe(200);
    expect(response.headers.get('valet-key')).toBe('vendor');
    const [call, ...more] = proxied.vendor.calls;
    expect(more).toEqual([]);
    expect(call?.path).toBe(path);
    expect(call?.body).toBe(typeof body === 'string' ? body : JSON.stringify(body));
    const { host: _host, connection: _connection, ...headers } = call?.headers ?? {};
    expect(headers[header]).toBe(value);
    expect(headers['anthropic-version']).toBe(connection === 'anthropic-proxy' ? '2026-10-21' : undefined);
    const passed = new Set([
      'accept',
      'accept-encoding',
      'accept-language',
      'anthropic-version',
      'content-length',
      'content-type',
      'transfer-encoding',
      'user-agent',
      header,
    ]);
    expect(Object.keys(headers).filter((name) => !passed.has(name))).toEqual([]);
  },
);

test('the first event of a stream arrives before the vendor sends the last one', async () => {
  const release = proxied.vendor.hold();
  const response = await fetch(`${proxied.baseUrlOf('openai-proxy')}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...bearer(), 'content-type': 'application/json' },
    body: JSON.stringify({ ...chat, stream: true }),
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const first = await reader?.read();
  expect(first?.value).toContain('Hello ');
  expect(first?.value).not.toContain('[DONE]');
  release();
  let rest = '';
  for (let step = await reader?.read(); step?.done === false; step = await reader?.read()) rest += step.value;
  expect(rest).toContain('data: [DONE]');
});

const path = '/v1/chat/completions';

test.each<[string, string, string, () => Headers, number, string]>([
  ['no token', 'openai-proxy', path, () => ({}), 401, 'missing_token'],
  [
    'the scheme of another vendor',
    'openai-proxy',
    path,
    () => ({ authorization: `Token ${alice}` }),
    401,
    'missing_token',
  ],
  ['the scheme Basic', 'openai-proxy', path, () => ({ authorization: `Basic ${alice}` }), 401, 'missing_token'],
  ['the scheme DPoP', 'openai-proxy', path, () => ({ authorization: `DPoP ${alice}` }), 401, 'missing_token'],
  ['a token without its scheme', 'openai-proxy', path, () => ({ authorization: alice }), 401, 'missing_token'],
  ['a key in the header of another vendor', 'openai-proxy', path, () => keyIn('x-api-key'), 401, 'missing_token'],
  ['a key of the vendor', 'openai-proxy', path, () => ({ authorization: 'Bearer sk-proj-abc' }), 401, 'invalid_token'],
  [
    'a bearer token where the SDK sends a key',
    'gemini-proxy',
    '/v1/models/sample-model:generateContent',
    bearer,
    401,
    'missing_token',
  ],
  [
    'a token with a scheme in a header that has none',
    'gemini-proxy',
    '/v1/models/sample-model:generateContent',
    () => ({ 'x-goog-api-key': `Bearer ${alice}` }),
    401,
    'missing_token',
  ],
  [
    'two credentials',
    'gemini-proxy',
    '/v1/models/sample-model:generateContent',
    () => ({ ...bearer(), ...keyIn('x-goog-api-key') }),
    400,
    'invalid_request',
  ],
  [
    'both headers of one vendor',
    'anthropic-proxy',
    '/v1/messages',
    () => ({ ...bearer(), ...keyIn('x-api-key') }),
    400,
    'invalid_request',
  ],
  [
    'a token in the query',
    'gemini-proxy',
    '/v1/models/sample-model:generateContent?key=abc',
    () => ({}),
    401,
    'missing_token',
  ],
])('refuses %s, in the words of the vendor', async (_what, connection, target, credential, status, code) => {
  const response = await send(connection, target, credential(), gemini);
  expect(response.status).toBe(status);
  const { error } = JSON.parse(response.text) as { error: Readonly<Record<string, unknown>> };
  expect(Object.values(error)).toContain(code);
  expect(error['message']).toEqual(expect.stringMatching(/\.$/));
  expect(response.headers.get('www-authenticate')).toMatch(/^Bearer\b/);
  expect(response.headers.get('www-authenticate')).not.toContain('DPoP');
  expect(proxied.vendor.calls).toEqual([]);
});

test('refuses an upgrade to a WebSocket, and a header of a key that is sent twice', async () => {
  const open = async (method: string, headers: OutgoingHttpHeaders) => {
    const request = httpRequest(`${proxied.baseUrlOf('gemini-proxy')}/v1/models/sample-model:generateContent`, {
      method,
      headers,
    });
    const [response] = (await once(request.end(), 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  expect(await open('GET', { ...upgrade, 'x-goog-api-key': alice })).toBe(403);
  expect(await open('POST', { 'x-goog-api-key': [alice, alice] })).toBe(401);
  expect(proxied.vendor.calls).toEqual([]);
});

test('reads the header of a vendor’s SDK on the proxy of that vendor alone', async () => {
  const statuses = await Promise.all(
    [
      '/v1/session',
      '/v1/vendors/nudge/token',
      '/v1/vendors/nymbl/proxy/Patients',
      '/v1/vendors/gemini-proxy/token',
      '/v1/vendors/missing/proxy/a',
    ].map(async (target) => {
      const { status } = await fetch(proxied.broker.brokerUrl + target, {
        method: target === '/v1/session' ? 'GET' : 'POST',
        headers: { 'x-goog-api-key': alice, 'x-api-key': alice },
      });
      return status;
    }),
  );
  expect(new Set(statuses)).toEqual(new Set([401]));
});

const gzipped = { 'content-encoding': 'gzip' };
const duplicate = `{"model":"other","messages":[],"max_completion_tokens":1,"model":"sample-model"}`;

test.each<[string, string, Headers, object | string | Uint8Array<ArrayBuffer>, number, string]>([
  ['a model that is not listed', path, {}, { ...chat, model: 'other' }, 403, '/model'],
  ['no model', path, {}, { messages, max_completion_tokens: 1 }, 403, '/model'],
  ['a model that is no text', path, {}, { ...chat, model: ['sample-model'] }, 403, '/model'],
  ['another spelling of the model beside it', path, {}, { ...chat, Model: 'other' }, 403, '/model'],
  ['the model twice', path, {}, duplicate, 400, 'name twice'],
  [
    'the model twice, once escaped',
    path,
    {},
    duplicate.replace('"model"', String.raw`"mod\u0065l"`),
    400,
    'name twice',
  ],
  ['too many tokens', path, {}, { ...chat, max_completion_tokens: 1_001 }, 403, '/max_completion_tokens'],
  ['tokens as a text', path, {}, { ...chat, max_completion_tokens: '9' }, 403, '/max_completion_tokens'],
  ['no limit of tokens', path, {}, { ...chat, max_completion_tokens: undefined }, 403, '/max_completion_tokens'],
  ['a second limit of tokens', path, {}, { ...chat, max_tokens: 1e9 }, 403, '/max_tokens'],
  ['several completions', path, {}, { ...chat, n: 100 }, 403, '/n '],
  [
    'a tool that the vendor runs',
    path,
    {},
    { ...chat, tools: [{ type: 'function' }, { type: 'web_search' }] },
    403,
    '/type',
  ],
  ['a second model', path, {}, { ...chat, moderation: { model: 'other' } }, 403, '/moderation'],
  ['a faster and dearer tier', path, {}, { ...chat, service_tier: 'priority' }, 403, '/service_tier'],
  ['a list of bodies', path, {}, [chat], 400, 'object'],
  ['a body that is no JSON', path, {}, 'model=sample-model', 400, 'not JSON'],
  ['a body with a byte order mark', path, {}, `\ufeff${JSON.stringify(chat)}`, 400, 'not JSON'],
  ['a body that is no UTF-8', path, {}, new Uint8Array([0x22, 0xff, 0x22]), 400, 'not JSON'],
  ['an encoded body', path, gzipped, new Uint8Array(gzipSync(JSON.stringify(chat))), 415, 'content encoding'],
  ['a body of another media type', path, { 'content-type': 'application/x-protobuf' }, chat, 415, 'JSON'],
  ['a body in another charset', path, { 'content-type': 'application/json; charset=utf-16' }, chat, 415, 'JSON'],
  ['a body that is too long', path, {}, { ...chat, note: 'x'.repeat(1_100_000) }, 413, 'longer'],
  ['a path that only manages the account', '/v1/files', {}, chat, 403, 'allow-list'],
  ['a path with dots', '/v1/chat/completions/%2e%2e/files', {}, chat, 403, 'allow-list'],
  ['a query', `${path}?api_key=x`, {}, chat, 403, 'query'],
  [
    'a stored response of another caller',
    '/v1/responses',
    {},
    { model: 'sample-model', max_output_tokens: 1, previous_response_id: 'resp_1' },
    403,
    '/previous_response_id',
  ],
])('refuses %s before the vendor is called', async (_what, target, headers, body, status, words) => {
  const response = await send('openai-proxy', target, { ...bearer(), ...headers }, body);
  expect(response.status).toBe(status);
  const { error } = JSON.parse(response.text) as { error: { message: string } };
  expect(error.message).toContain(words);
  expect(proxied.vendor.calls).toEqual([]);
});

test.each<[string, string, string, string, object]>([
  [
    'a model in the path that is not listed',
    'gemini-proxy',
    'x-goog-api-key',
    '/v1/models/other:generateContent',
    gemini,
  ],
  [
    'another verb of a listed model',
    'gemini-proxy',
    'x-goog-api-key',
    '/v1/models/sample-model:batchGenerateContent',
    gemini,
  ],
  [
    'a model in the path and another one in the body',
    'gemini-proxy',
    'x-goog-api-key',
    '/v1/models/sample-model:generateContent',
    { ...gemini, model: 'models/other' },
  ],
  [
    'a limit under the other name of its object',
    'gemini-proxy',
    'x-goog-api-key',
    '/v1/models/sample-model:generateContent',
    { ...gemini, generation_config: { maxOutputTokens: 9_999 } },
  ],
  [
    'a limit under its other name',
    'gemini-proxy',
    'x-goog-api-key',
    '/v1/models/sample-model:generateContent',
    { ...gemini, generationConfig: { maxOutputTokens: 1, max_output_tokens: 9_999 } },
  ],
  [
    'a tool that Google runs',
    'gemini-proxy',
    'x-goog-api-key',
    '/v1/models/sample-model:generateContent',
    { ...gemini, tools: [{ googleSearch: {} }] },
  ],
  ['a voice that is not listed', 'elevenlabs-proxy', 'xi-api-key', '/v1/text-to-speech/other', speech],
  [
    'a text that is too long',
    'elevenlabs-proxy',
    'xi-api-key',
    '/v1/text-to-speech/sample-voice',
    { ...speech, text: 'x'.repeat(1_001) },
  ],
  [
    'servers of the caller',
    'anthropic-proxy',
    'x-api-key',
    '/v1/messages',
    { ...claude, mcp_servers: [{ url: 'https://evil.example' }] },
  ],
  [
    'a tool that Anthropic runs',
    'anthropic-proxy',
    'x-api-key',
    '/v1/messages',
    { ...claude, tools: [{ type: 'web_search_20260209', name: 'a' }] },
  ],
])('refuses %s', async (_what, connection, header, target, body) => {
  expect((await send(connection, target, keyIn(header), body)).status).toBe(403);
  expect(proxied.vendor.calls).toEqual([]);
});

test.each([
  'model=other',
  'model=sample-model&model=other',
  'language=en',
  'model=sample-model&callback=https://evil.example',
  'model=sample-model;callback=x',
  'model=sample-model&Model=other',
])('refuses the query %s of Deepgram', async (query) => {
  const response = await send('deepgram-proxy', `/v1/listen?${query}`, { authorization: `Token ${alice}` }, {});
  expect(response.status).toBe(403);
  expect(JSON.parse(response.text)).toMatchObject({ err_code: 'forbidden', err_msg: expect.stringContaining('query') });
  expect(proxied.vendor.calls).toEqual([]);
});

test('the rules of the connection hold, and the audit says which field was refused', async () => {
  const bob = { authorization: `Bearer ${await proxied.sandbox.mintUserToken({ sub: 'bob' })}` };
  const sent = [
    await send('closed', path, bob, chat),
    await send('openai-proxy', path, bob, chat),
    await send('openai-proxy', path, bob, { ...chat, model: 'canary-other-model' }),
  ];
  expect(sent.map(({ status }) => status)).toEqual([403, 200, 403]);
  const { audit } = await proxied.broker.readRecords();
  const { decisions } = JSON.parse(audit) as { decisions: readonly Readonly<Record<string, unknown>>[] };
  const shared = { operation: 'proxy', method: 'POST' };
  expect(decisions.filter(({ subject }) => subject === 'bob')).toMatchObject([
    { ...shared, outcome: 'forbidden', reason: 'body:/model', path, connection: 'openai-proxy' },
    { ...shared, outcome: 'allowed', path, vendor_status: 200, connection: 'openai-proxy' },
    { ...shared, outcome: 'forbidden', reason: 'requiredScopes: models', connection: 'closed' },
  ]);
  expect(audit).not.toContain('canary-other-model');
});

test.each([
  [401, { error: { message: `Incorrect API key provided: ${vendorKey}.` } }, 502, 'vendor_auth_failed'],
  [403, { error: { message: 'Forbidden' } }, 502, 'vendor_auth_failed'],
  [500, { error: { message: 'Oops' } }, 503, 'vendor_unavailable'],
  [503, { error: { message: 'Overloaded' } }, 503, 'vendor_unavailable'],
])('a %d of the vendor is not repeated, and is none of the broker’s own 401', async (status, body, expected, code) => {
  proxied.vendor.respondWith((response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
  );
  const response = await send('openai-proxy', path, bearer(), chat);
  expect(response.status).toBe(expected);
  expect(JSON.parse(response.text)).toMatchObject({ error: { code } });
  expect(proxied.vendor.calls).toHaveLength(1);
});

test('the vendor’s refusal of a request reaches the SDK as the vendor wrote it', async () => {
  const body = { error: { message: 'Unknown parameter.', param: 'x' } };
  proxied.vendor.respondWith((response) =>
    response
      .writeHead(400, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .end(gzipSync(JSON.stringify(body))),
  );
  const response = await send('openai-proxy', path, bearer(), chat);
  expect([response.status, JSON.parse(response.text)]).toEqual([400, body]);
  expect(response.headers.get('valet-key')).toBe('vendor');
});

test('a rejected key of Gemini, which it reports with 400, is an error of the broker’s key', async () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }];
  proxied.vendor.respondWith((response) =>
    response
      .writeHead(400, { 'content-type': 'application/json' })
      .end(
        JSON.stringify({ error: { code: 400, message: 'API key not valid.', status: 'INVALID_ARGUMENT', details } }),
      ),
  );
  const response = await send(
    'gemini-proxy',
    '/v1/models/sample-model:generateContent',
    keyIn('x-goog-api-key'),
    gemini,
  );
  expect(response.status).toBe(502);
  expect(JSON.parse(response.text)).toMatchObject({ error: { status: 'vendor_auth_failed', code: 502 } });
});

test('while a key is rotated, a call that the vendor refused with one key is sent with the other', async () => {
  proxied.vendor.respondWith((response, { headers }) => {
    const isRight = headers.authorization === `Bearer ${vendorKey}`;
    response
      .writeHead(isRight ? 200 : 401, { 'content-type': 'application/json' })
      .end(JSON.stringify(isRight ? { id: 'chat-1' } : { error: { message: 'No.' } }));
  });
  const statuses = [await send('rotating', path, bearer(), chat), await send('rotating', path, bearer(), chat)];
  expect(statuses.map(({ status }) => status)).toEqual([200, 200]);
  expect(proxied.vendor.calls).toHaveLength(3);
});

test.each<[string, number, (headers: string) => [Record<string, string>, string]]>([
  ['the body of an error', 400, (headers) => [{}, JSON.stringify({ error: { message: headers } })]],
  [
    'a header of an error',
    404,
    () => [{ link: `<https://vendor.example/?key=${vendorKey}>; rel="next"` }, '{"error":{}}'],
  ],
  ['a header of a success', 200, () => [{ link: `<https://vendor.example/?key=${vendorKey}>; rel="next"` }, '{}']],
])('a vendor that repeats the key in %s does not reveal it', async (_where, status, write) => {
  proxied.vendor.respondWith((response, call) => {
    const [headers, body] = write(JSON.stringify(call.headers));
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  });
  const response = await send('openai-proxy', path, bearer(), chat);
  expect(response.status).toBe(502);
  expect(JSON.parse(response.text)).toMatchObject({ error: { code: 'vendor_response_invalid' } });
});

test('neither the vendor’s key nor the app’s token is in anything that callers received or that was recorded', async () => {
  const { log, audit, failures } = await proxied.broker.readRecords();
  for (const secret of [vendorKey, alice, 'canary-old-key-19f2']) {
    expect([...received, log, audit, failures].filter((text) => text.includes(secret))).toEqual([]);
  }
});

test('the app’s token never reaches a vendor', async () => {
  const calls: unknown[] = [];
  proxied.vendor.respondWith((response, call) => {
    calls.push(call);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await send('anthropic-proxy', '/v1/messages', bearer(), claude);
  await send('anthropic-proxy', '/v1/messages', keyIn('x-api-key'), claude);
  await send('deepgram-proxy', '/v1/speak?model=sample-voice', { authorization: `Token ${alice}` }, { text: 'a' });
  await send('gemini-proxy', '/v1/models/sample-model:generateContent', keyIn('x-goog-api-key'), gemini);
  await send('elevenlabs-proxy', '/v1/text-to-speech/sample-voice', keyIn('xi-api-key'), speech);
  expect(calls).toHaveLength(5);
  expect(JSON.stringify(calls)).not.toContain(alice);
});
