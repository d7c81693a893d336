import { buffer, text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { Secret, type ProxyRequest, type ServerToken } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { fakeJwt, startVendorServer } from '../testing/vendor-server.ts';
import { createNymblClient, nymbl, type NymblOptions } from './nymbl.ts';

const base = {
  clientId: 'client',
  clientSecret: 'secret-sandbox-only',
  apiKey: 'key-sandbox-only',
  customer: { value: 'acme-corp' },
  allow: [
    { method: 'GET', path: '/Patients' },
    { method: 'POST', path: '/Patients' },
  ],
} satisfies NymblOptions;
const token: ServerToken = { kind: 'server', vendor: 'nymbl', secret: new Secret('access-sandbox-only') };
const read: ProxyRequest = { method: 'GET', path: '/Patients', query: '?$top=2', headers: {} };

const clientOf = (url: string) => createNymblClient({ ...base, baseUrl: url, tokenUrl: `${url}/oauth2/token` });

test('requestAccessToken sends the documented form', async () => {
  await using server = await startVendorServer({ json: { access_token: 'a', expires_in: 300, token_type: 'Bearer' } });
  const grant = await clientOf(server.url).requestAccessToken('nymbl-customer-api/acme-corp');
  expect(grant.accessToken.reveal()).toBe('a');
  expect(grant.expiresInSeconds).toBe(300);
  expect(server.calls).toMatchObject([
    {
      method: 'POST',
      path: '/oauth2/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials&client_id=client&client_secret=secret-sandbox-only&scope=nymbl-customer-api%2Facme-corp',
    },
  ]);
});

test.each([
  [{ expires_in: '300' }, 300],
  [{}, undefined],
  [{ expires_in: 'soon' }, undefined],
  [{ expires_in: -1 }, undefined],
  [{ expires_in: null }, undefined],
])('expires_in of %j is read as %s', async (part, seconds) => {
  await using server = await startVendorServer({ json: { access_token: 'a', ...part } });
  const grant = await clientOf(server.url).requestAccessToken('scope');
  expect(grant.expiresInSeconds).toBe(seconds);
});

test.each([
  ['invalid_client', 'vendor_auth_failed', 'clientSecret'],
  ['unauthorized_client', 'vendor_auth_failed', 'client-credentials grant'],
  ['invalid_scope', 'vendor_rejected', 'customer name'],
])('%s is %s and says what to check', async (error, code, hint) => {
  await using server = await startVendorServer({ status: 400, json: { error, error_description: 'do not tell' } });
  await expect(clientOf(server.url).requestAccessToken('scope')).rejects.toMatchObject({
    code,
    reason: error,
    advice: expect.stringContaining(hint) as unknown,
  });
});

test('send replaces the credentials and passes on nothing but path, query and harmless headers', async () => {
  await using server = await startVendorServer({
    json: { value: [] },
    headers: { 'set-cookie': 'a=b', 'x-amzn-requestid': 'internal', 'odata-version': '4.0', etag: '"1"' },
  });
  const answer = await clientOf(server.url).send(
    {
      ...read,
      headers: {
        accept: 'application/json',
        authorization: 'Bearer of-the-app',
        'x-api-key': 'of-the-app',
        cookie: 'a=b',
        connection: 'x-hop',
        'x-hop': '1',
        'x-forwarded-for': '10.0.0.1',
        'x-http-method-override': 'DELETE',
        host: 'elsewhere.example',
      },
    },
    token,
  );
  if (answer === 'token_refused') throw new Error('refused');
  expect(answer.status).toBe(200);
  expect(await text(answer.body)).toBe('{"value":[]}');
  expect(answer.headers).toEqual({
    'content-type': 'application/json',
    'odata-version': '4.0',
    etag: '"1"',
  });
  const { method, path, headers } = server.calls[0] ?? {};
  expect({ method, path }).toEqual({ method: 'GET', path: '/Patients?$top=2' });
  expect(headers).toEqual({
    host: new URL(server.url).host,
    connection: 'keep-alive',
    'user-agent': 'valetkey',
    accept: 'application/json',
    authorization: 'Bearer access-sandbox-only',
    'x-api-key': 'key-sandbox-only',
  });
});

test('bodies stream both ways, and a content encoding stays as it is', async () => {
  const packed = gzipSync('{"id":1}');
  const received: Buffer[] = [];
  await using server = await startVendorServer((response, request) => {
    response.writeHead(201, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    request.on('end', () => response.end(packed)).on('data', (chunk: Buffer) => received.push(chunk));
  });
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{"name"');
    yield Buffer.from(':"x"}');
  }
  const answer = await clientOf(server.url).send(
    { ...read, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': '12' }, body: body() },
    token,
  );
  if (answer === 'token_refused') throw new Error('refused');
  expect(answer.status).toBe(201);
  expect(answer.headers['content-encoding']).toBe('gzip');
  expect(await buffer(answer.body)).toEqual(packed);
  expect(Buffer.concat(received).toString()).toBe('{"name":"x"}');
  expect(server.calls[0]?.headers).toMatchObject({ 'content-length': '12' });
});

test.each([
  [400, { error: { code: 'InvalidFilter', message: 'x' } }],
  [403, { error: { code: 'Denied', message: 'x' } }],
  [404, { error: { code: 'NotFound', message: 'x' } }],
  [409, { error: { code: 'Conflict', message: 'x' } }],
  [422, { error: { code: 'Invalid', message: 'x' } }],
])('a %i of the API is its answer', async (status, json) => {
  await using server = await startVendorServer({ status, json });
  const answer = await clientOf(server.url).send(read, token);
  if (answer === 'token_refused') throw new Error('refused');
  expect(answer.status).toBe(status);
  expect(JSON.parse(await text(answer.body))).toEqual(json);
});

test.each([
  [403, { message: 'Forbidden' }, 'vendor_auth_failed'],
  [403, undefined, 'vendor_auth_failed'],
  [403, { message: 'Missing Authentication Token' }, 'vendor_rejected'],
  [429, { message: 'Too Many Requests' }, 'vendor_rate_limited'],
  [500, { error: { code: 'Internal' } }, 'vendor_unavailable'],
  [302, undefined, 'vendor_response_invalid'],
])('a %i %j of the gateway is %s', async (status, json, code) => {
  await using server = await startVendorServer({ status, json });
  await expect(clientOf(server.url).send(read, token)).rejects.toMatchObject({ code, vendor: 'nymbl' });
});

test('a 401 hands the token back', async () => {
  await using server = await startVendorServer({ status: 401, json: { message: 'The incoming token has expired' } });
  expect(await clientOf(server.url).send(read, token)).toBe('token_refused');
});

test('what is not on the list never leaves', async () => {
  await using server = await startVendorServer({ json: {} });
  const client = clientOf(server.url);
  await expect(client.send({ ...read, path: '/Visits' }, token)).rejects.toMatchObject({ code: 'forbidden' });
  await expect(client.send({ ...read, method: 'DELETE' }, token)).rejects.toMatchObject({ code: 'forbidden' });
  await expect(client.send({ ...read, query: '?a=b#c' }, token)).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(client.send({ ...read, query: '?a=b c' }, token)).rejects.toMatchObject({ code: 'invalid_request' });
  expect(server.calls).toHaveLength(0);
});

test('an application error is passed on as it is read, though it came packed', async () => {
  const json = { error: { code: 'NoAccess', message: 'x' } };
  await using server = await startVendorServer((response) => {
    response.writeHead(403, { 'content-encoding': 'gzip', 'content-type': 'application/json' });
    response.end(gzipSync(JSON.stringify(json)));
  });
  const answer = await clientOf(server.url).send(read, token);
  if (answer === 'token_refused') throw new Error('refused');
  const body = await text(answer.body);
  expect(answer.headers).toEqual({ 'content-type': 'application/json', 'content-length': String(body.length) });
  expect(JSON.parse(body)).toEqual(json);
});

test('a refusal that does not end has the time of the call, and so has the probe', async () => {
  await using server = await startVendorServer((response, request) => {
    if (request.url === '/oauth2/token') response.end('{"access_token":"a","expires_in":300}');
    else response.writeHead(403).write('{"message":');
  });
  const client = createNymblClient({
    ...base,
    baseUrl: server.url,
    tokenUrl: `${server.url}/oauth2/token`,
    timeoutMs: 200,
    streamTimeoutMs: 10_000,
  });
  const startedAt = performance.now();
  await expect(client.send(read, token)).rejects.toMatchObject({ code: 'vendor_timeout' });
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_timeout' });
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

test('the probe does not wait for what it asked for', async () => {
  await using server = await startVendorServer((response, request) => {
    if (request.url === '/oauth2/token') response.end('{"access_token":"a","expires_in":300}');
    else response.writeHead(200).write('{"value":[');
  });
  const client = createNymblClient({
    ...base,
    baseUrl: server.url,
    tokenUrl: `${server.url}/oauth2/token`,
    streamTimeoutMs: 10_000,
  });
  const startedAt = performance.now();
  await expect(client.verify()).resolves.toBeUndefined();
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

test('a token that is for something else than a header is not understood', async () => {
  await using server = await startVendorServer({ json: { access_token: 'a', token_type: 'mac', expires_in: 300 } });
  await expect(clientOf(server.url).requestAccessToken('scope')).rejects.toMatchObject({ reason: 'field:token_type' });
});

test.each([
  [{ access_token: 'opaque' }, true],
  [{ access_token: 'opaque', scope: '' }, true],
  [{ access_token: 'opaque', scope: 'a b' }, true],
  [{ access_token: 'opaque', scope: 'b c' }, false],
  [{ access_token: fakeJwt({ scope: 'c a' }) }, true],
  [{ access_token: fakeJwt({ scope: 'ab' }) }, false],
  [{ access_token: fakeJwt({ scope: 7 }) }, true],
])('%j opens what was asked: %s', async (grant, isTaken) => {
  await using server = await startVendorServer({ json: { ...grant, expires_in: 300 } });
  const [asked] = await Promise.allSettled([clientOf(server.url).requestAccessToken('a')]);
  const refusal = { code: 'vendor_response_invalid', reason: 'other_scope' };
  expect(asked).toMatchObject(isTaken ? { value: { expiresInSeconds: 300 } } : { reason: refusal });
});

test('the scope is the operator’s, with the customer in each place', async () => {
  const options = nymbl.options.parse({ ...base, scope: '{customer}/api.{customer}' });
  const { proxy } = nymbl.create(options);
  const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };
  expect(proxy?.tokenKey(principal)).toMatchObject({
    scope: 'acme-corp/api.acme-corp',
    client: 'client',
    resource: 'https://api.nymbldev.com',
  });
  const versionOf = (clientId: string) =>
    nymbl.create({ ...options, clientId }).proxy?.tokenKey(principal).secretVersion;
  expect(versionOf('client')).not.toBe(versionOf('other'));
});

test('bodies have bounds in both directions', async () => {
  await using server = await startVendorServer({ text: 'x'.repeat(2_000) });
  const client = createNymblClient({
    ...base,
    baseUrl: server.url,
    maxRequestBytes: 10,
    maxResponseBytes: 100,
  });
  const body = Buffer.alloc(11);
  await expect(client.send({ ...read, method: 'POST', body }, token)).rejects.toMatchObject({
    code: 'payload_too_large',
  });
  const streamed = (async function* () {
    yield body;
  })();
  await expect(client.send({ ...read, method: 'POST', body: streamed }, token)).rejects.toMatchObject({
    code: 'payload_too_large',
  });
  const answer = await client.send(read, token);
  if (answer === 'token_refused') throw new Error('refused');
  await expect(text(answer.body)).rejects.toMatchObject({ code: 'vendor_response_invalid', reason: 'body_too_long' });
});

test('the customer comes from the principal alone', () => {
  const options = nymbl.options.parse({ ...base, customer: { claim: 'customer' } });
  const { proxy } = nymbl.create(options);
  const principalOf = (claims: Record<string, unknown>) => ({
    issuer: 'https://idp.example',
    subject: 'alice',
    scopes: [],
    claims,
  });
  expect(proxy?.tokenKey(principalOf({ customer: 'acme-corp' }))).toMatchObject({
    vendor: 'nymbl',
    client: 'client',
    scope: 'nymbl-customer-api/acme-corp',
  });
  for (const customer of [undefined, '', '..', 'a/b', 'a b', 'a\nb', 7, ['acme'], 'x'.repeat(200)]) {
    expect(() => proxy?.tokenKey(principalOf({ customer }))).toThrow(expect.objectContaining({ code: 'forbidden' }));
  }
});

test('a customer by a claim is what one issuer says, where it is named', () => {
  const issuer = 'https://idp.example';
  const vendor = nymbl.create(nymbl.options.parse({ ...base, customer: { claim: 'customer', issuer } }));
  const claims = { customer: 'acme-corp' };
  expect(vendor.claims).toEqual([{ option: 'customer', claim: 'customer', issuer }]);
  expect(vendor.proxy?.tokenKey({ issuer, subject: 'alice', scopes: [], claims })).toMatchObject({ vendor: 'nymbl' });
  expect(() =>
    vendor.proxy?.tokenKey({ issuer: 'https://other.example', subject: 'alice', scopes: [], claims }),
  ).toThrow(expect.objectContaining({ code: 'forbidden' }));
});

test('a rotated secret has keys of its own', () => {
  const versionOf = (clientSecret: string) =>
    nymbl
      .create(nymbl.options.parse({ ...base, clientSecret }))
      .proxy?.tokenKey({ issuer: 'i', subject: 's', scopes: [], claims: {} }).secretVersion;
  expect(versionOf('one')).toBe(versionOf('one'));
  expect(versionOf('one')).not.toBe(versionOf('two'));
});

test('verify asks for a grant, and without a customer of its own takes invalid_scope for a yes', async () => {
  await using server = await startVendorServer({ status: 400, json: { error: 'invalid_scope' } });
  const client = createNymblClient({ ...base, customer: { claim: 'customer' }, tokenUrl: server.url });
  await expect(client.verify()).resolves.toBeUndefined();
  await expect(createNymblClient({ ...base, tokenUrl: server.url }).verify()).rejects.toMatchObject({
    code: 'vendor_rejected',
  });
  server.answer({ status: 400, json: { error: 'invalid_client' } });
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
});
