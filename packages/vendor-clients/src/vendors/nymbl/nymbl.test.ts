import { buffer, text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { Secret, type ProxyRequest, type ServerToken, type ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { fakeJwt, startVendorServer } from '../../testing/vendor-server.ts';
import { createNymblClient, nymbl, type NymblOptions } from './nymbl.ts';
import { tokenProxyOf } from '../../testing/token-proxy.ts';

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
  ["'300'", { expires_in: '300' }, 300],
  ['absent', {}, undefined],
  ["'soon'", { expires_in: 'soon' }, undefined],
  ['-1', { expires_in: -1 }, undefined],
  ['null', { expires_in: null }, undefined],
])('if expires_in is %s, the grant of requestAccessToken has the expiresInSeconds %s', async (_, part, seconds) => {
  await using server = await startVendorServer({ json: { access_token: 'a', ...part } });
  const grant = await clientOf(server.url).requestAccessToken('scope');
  expect(grant.expiresInSeconds).toBe(seconds);
});

test.each([
  ['invalid_client', 'vendor_auth_failed', 'clientSecret'],
  ['unauthorized_client', 'vendor_auth_failed', 'client-credentials grant'],
  ['invalid_scope', 'vendor_rejected', 'customer name'],
])('requestAccessToken rejects %s with %s and names what the operator should check', async (error, code, hint) => {
  await using server = await startVendorServer({ status: 400, json: { error, error_description: 'do not tell' } });
  await expect(clientOf(server.url).requestAccessToken('scope')).rejects.toMatchObject({
    code,
    reason: error,
    cause: { type: 'oauth_error', error },
    advice: expect.stringContaining(hint) as unknown,
  });
});

test('send replaces the credentials and passes on only path, query and harmless headers', async () => {
  await using server = await startVendorServer({
    json: { value: [] },
    headers: { 'set-cookie': 'a=b', 'x-amzn-requestid': 'internal', 'odata-version': '4.0', etag: '"1"' },
  });
  const response = await clientOf(server.url).send(
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
  if (response === 'token_refused') throw new Error('refused');
  expect(response.status).toBe(200);
  expect(await text(response.body)).toBe('{"value":[]}');
  expect(response.headers).toEqual({
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

test('send streams both bodies and leaves their content encoding as it is', async () => {
  const encoded = gzipSync('{"id":1}');
  const received: Buffer[] = [];
  await using server = await startVendorServer((response, request) => {
    response.writeHead(201, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
    request.on('end', () => response.end(encoded)).on('data', (chunk: Buffer) => received.push(chunk));
  });
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{"name"');
    yield Buffer.from(':"x"}');
  }
  const response = await clientOf(server.url).send(
    { ...read, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': '12' }, body: body() },
    token,
  );
  if (response === 'token_refused') throw new Error('refused');
  expect(response.status).toBe(201);
  expect(response.headers['content-encoding']).toBe('gzip');
  expect(await buffer(response.body)).toEqual(encoded);
  expect(Buffer.concat(received).toString()).toBe('{"name":"x"}');
  expect(server.calls[0]?.headers).toMatchObject({ 'content-length': '12' });
});

test.each([
  [400, { error: { code: 'InvalidFilter', message: 'x' } }],
  [403, { error: { code: 'Denied', message: 'x' } }],
  [404, { error: { code: 'NotFound', message: 'x' } }],
  [409, { error: { code: 'Conflict', message: 'x' } }],
  [422, { error: { code: 'Invalid', message: 'x' } }],
])('send returns an application error of status %i', async (status, json) => {
  await using server = await startVendorServer({ status, json });
  const response = await clientOf(server.url).send(read, token);
  if (response === 'token_refused') throw new Error('refused');
  expect(response.status).toBe(status);
  expect(JSON.parse(await text(response.body))).toEqual(json);
});

test.each([
  [403, { message: 'Forbidden' }, 'vendor_auth_failed'],
  [403, undefined, 'vendor_auth_failed'],
  [403, { message: 'Missing Authentication Token' }, 'vendor_rejected'],
  [429, { message: 'Too Many Requests' }, 'vendor_rate_limited'],
  [500, { error: { code: 'Internal' } }, 'vendor_unavailable'],
  [302, undefined, 'vendor_response_invalid'],
])('send rejects a %i of the gateway with the body %j with %s', async (status, json, code) => {
  await using server = await startVendorServer({ status, json });
  await expect(clientOf(server.url).send(read, token)).rejects.toMatchObject({ code, vendor: 'nymbl' });
});

test('send returns `token_refused` for a 401', async () => {
  await using server = await startVendorServer({ status: 401, json: { message: 'The incoming token has expired' } });
  expect(await clientOf(server.url).send(read, token)).toBe('token_refused');
});

test('send refuses a call that is not in `allow` and an unencoded query, without calling Nymbl', async () => {
  await using server = await startVendorServer({ json: {} });
  const client = clientOf(server.url);
  await expect(client.send({ ...read, path: '/Visits' }, token)).rejects.toMatchObject({ code: 'forbidden' });
  await expect(client.send({ ...read, method: 'DELETE' }, token)).rejects.toMatchObject({ code: 'forbidden' });
  await expect(client.send({ ...read, query: '?a=b#c' }, token)).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(client.send({ ...read, query: '?a=b c' }, token)).rejects.toMatchObject({ code: 'invalid_request' });
  expect(server.calls).toHaveLength(0);
});

test('send decodes an encoded application error of status 403', async () => {
  const json = { error: { code: 'NoAccess', message: 'x' } };
  await using server = await startVendorServer((response) => {
    response.writeHead(403, { 'content-encoding': 'gzip', 'content-type': 'application/json' });
    response.end(gzipSync(JSON.stringify(json)));
  });
  const response = await clientOf(server.url).send(read, token);
  if (response === 'token_refused') throw new Error('refused');
  const body = await text(response.body);
  expect(response.headers).toEqual({ 'content-type': 'application/json', 'content-length': String(body.length) });
  expect(JSON.parse(body)).toEqual(json);
});

test('send and verify wait for the body of a 403 no longer than the time of the operation', async () => {
  await using server = await startVendorServer((response, request) => {
    if (request.url === '/oauth2/token') response.end('{"access_token":"a","expires_in":300}');
    else response.writeHead(403).write('{"message":');
  });
  const client = createNymblClient({
    ...base,
    baseUrl: server.url,
    tokenUrl: `${server.url}/oauth2/token`,
    timeoutMs: 200,
    streamTimeoutMs: 600_000,
  });
  await expect(client.send(read, token)).rejects.toMatchObject({ code: 'vendor_timeout' });
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_timeout' });
});

test('verify does not read the body of the call that it sends', async () => {
  await using server = await startVendorServer((response, request) => {
    if (request.url === '/oauth2/token') response.end('{"access_token":"a","expires_in":300}');
    else response.writeHead(200).write('{"value":[');
  });
  const client = createNymblClient({
    ...base,
    baseUrl: server.url,
    tokenUrl: `${server.url}/oauth2/token`,
    timeoutMs: 120_000,
    streamTimeoutMs: 600_000,
  });
  await expect(client.verify()).resolves.toMatchObject({ proven: expect.arrayContaining([expect.any(String)]) });
});

test('requestAccessToken rejects a token that is not a bearer token', async () => {
  await using server = await startVendorServer({ json: { access_token: 'a', token_type: 'mac', expires_in: 300 } });
  await expect(clientOf(server.url).requestAccessToken('scope')).rejects.toMatchObject({ reason: 'field:token_type' });
});

test.each([
  ['without a scope', { access_token: 'opaque' }],
  ['with an empty scope', { access_token: 'opaque', scope: '' }],
  ['with the scopes `a b`', { access_token: 'opaque', scope: 'a b' }],
  ['whose JWT has the scopes `c a`', { access_token: fakeJwt({ scope: 'c a' }) }],
  ['whose JWT has a scope that is a number', { access_token: fakeJwt({ scope: 7 }) }],
])('requestAccessToken for the scope `a` accepts a grant %s', async (_, grant) => {
  await using server = await startVendorServer({ json: { ...grant, expires_in: 300 } });
  await expect(clientOf(server.url).requestAccessToken('a')).resolves.toMatchObject({ expiresInSeconds: 300 });
});

test.each([
  ['with the scopes `b c`', { access_token: 'opaque', scope: 'b c' }],
  ['whose JWT has the scope `ab`', { access_token: fakeJwt({ scope: 'ab' }) }],
])('requestAccessToken for the scope `a` rejects a grant %s', async (_, grant) => {
  await using server = await startVendorServer({ json: { ...grant, expires_in: 300 } });
  const refusal = { code: 'vendor_response_invalid', reason: 'other_scope' };
  await expect(clientOf(server.url).requestAccessToken('a')).rejects.toMatchObject(refusal);
});

test('the token key has the configured scope with the customer in each `{customer}`, and changes with the client', async () => {
  const options = nymbl.options.parse({ ...base, scope: '{customer}/api.{customer}' });
  const proxy = tokenProxyOf(nymbl.create(options));
  const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };
  expect(proxy.tokenKey(principal)).toMatchObject({
    scope: 'acme-corp/api.acme-corp',
    client: 'client',
    resource: 'https://api.nymbldev.com',
  });
  const keyOf = (clientId: string) => tokenProxyOf(nymbl.create({ ...options, clientId })).tokenKey(principal);
  expect(keyOf('client')).toEqual(keyOf('client'));
  expect(keyOf('client')).not.toEqual(keyOf('other'));
});

test('send bounds the bodies of the request and of the response', async () => {
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
  const response = await client.send(read, token);
  if (response === 'token_refused') throw new Error('refused');
  await expect(text(response.body)).rejects.toMatchObject({ code: 'vendor_response_invalid', reason: 'body_too_long' });
});

test('the customer is a claim of the principal that must be one plain word', () => {
  const options = nymbl.options.parse({ ...base, customer: { claim: 'customer' } });
  const proxy = tokenProxyOf(nymbl.create(options));
  const principalOf = (claims: Record<string, unknown>) => ({
    issuer: 'https://idp.example',
    subject: 'alice',
    scopes: [],
    claims,
  });
  expect(proxy.tokenKey(principalOf({ customer: 'acme-corp' }))).toMatchObject({
    vendor: 'nymbl',
    client: 'client',
    scope: 'nymbl-customer-api/acme-corp',
  });
  for (const customer of [undefined, '', '..', 'a/b', 'a b', 'a\nb', 7, ['acme'], 'x'.repeat(200)]) {
    expect(() => proxy.tokenKey(principalOf({ customer }))).toThrow(expect.objectContaining({ code: 'forbidden' }));
  }
});

test('the customer may be a claim inside another one', () => {
  const proxy = tokenProxyOf(
    nymbl.create(nymbl.options.parse({ ...base, customer: { claim: 'app_metadata.customer' } })),
  );
  const claims = { app_metadata: { customer: 'acme-corp' } };
  const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims };
  expect(proxy.tokenKey(principal)).toMatchObject({ scope: 'nymbl-customer-api/acme-corp' });
});

test('the customer claim counts only in tokens of the configured issuer', () => {
  const issuer = 'https://idp.example';
  const vendor = nymbl.create(nymbl.options.parse({ ...base, customer: { claim: 'customer', issuer } }));
  const claims = { customer: 'acme-corp' };
  expect(vendor.claims).toEqual([{ option: 'customer', claim: 'customer', issuer }]);
  expect(tokenProxyOf(vendor).tokenKey({ issuer, subject: 'alice', scopes: [], claims })).toMatchObject({
    vendor: 'nymbl',
  });
  expect(() =>
    tokenProxyOf(vendor).tokenKey({ issuer: 'https://other.example', subject: 'alice', scopes: [], claims }),
  ).toThrow(expect.objectContaining({ code: 'forbidden' }));
});

test('the token key changes with the client secret', () => {
  const versionOf = (clientSecret: string) =>
    tokenProxyOf(nymbl.create(nymbl.options.parse({ ...base, clientSecret }))).tokenKey({
      issuer: 'i',
      subject: 's',
      scopes: [],
      claims: {},
    }).secretVersion;
  expect(versionOf('one')).toBe(versionOf('one'));
  expect(versionOf('one')).not.toBe(versionOf('two'));
});

test('verify requests a grant; without a fixed customer, invalid_scope means that the client is accepted', async () => {
  await using server = await startVendorServer({ status: 400, json: { error: 'invalid_scope' } });
  const client = createNymblClient({ ...base, customer: { claim: 'customer' }, tokenUrl: server.url });
  await expect(client.verify()).resolves.toMatchObject({ proven: expect.arrayContaining([expect.any(String)]) });
  await expect(createNymblClient({ ...base, tokenUrl: server.url }).verify()).rejects.toMatchObject({
    code: 'vendor_rejected',
  });
  server.respond({ status: 400, json: { error: 'invalid_client' } });
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
});

test('send returns a 403 to a HEAD, because it has no body that says whether the key was refused', async () => {
  await using server = await startVendorServer({ status: 403 });
  const client = createNymblClient({ ...base, allow: [{ method: 'HEAD', path: '/Patients' }], baseUrl: server.url });
  expect(await client.send({ ...read, method: 'HEAD' }, token)).toMatchObject({ status: 403 });
  await expect(clientOf(server.url).send(read, token)).rejects.toMatchObject({ code: 'vendor_auth_failed' });
});

test('the proxy ability forwards every call, because the broker has checked the call against `allow`', async () => {
  await using server = await startVendorServer({ json: {} });
  const vendor = nymbl.create(nymbl.options.parse({ ...base, allow: [], baseUrl: server.url }));
  expect(await tokenProxyOf(vendor).send(read, token)).toMatchObject({ status: 200 });
  await vendor.close();
});

test('verify rejects when Nymbl’s API refuses the access token, and calls no API if `allow` has no collection to read', async () => {
  await using server = await startVendorServer({ json: { access_token: 'a', expires_in: 300 } }, { status: 401 });
  await expect(clientOf(server.url).verify()).rejects.toMatchObject({ code: 'vendor_auth_failed', vendor: 'nymbl' });
  server.respond({ json: { access_token: 'a', expires_in: 300 } });
  const allow = [{ method: 'GET', path: '/Patients({id})' } as const];
  const client = createNymblClient({ ...base, allow, baseUrl: server.url, tokenUrl: `${server.url}/oauth2/token` });
  await expect(client.verify()).resolves.toMatchObject({ proven: expect.arrayContaining([expect.any(String)]) });
  expect(server.calls.map(({ path }) => path)).toEqual(['/oauth2/token', '/Patients?$top=1', '/oauth2/token']);
});

test.each([
  ['connection', 'vendor_rate_limited'],
  ['customer', 'sent'],
] as const)(
  'with the rateLimitScope %s, the outcome of a call for another customer after a 429 is %s',
  async (rateLimitScope, outcome) => {
    await using server = await startVendorServer({
      status: 429,
      headers: { 'retry-after': '7' },
      json: { message: 'Too Many Requests' },
    });
    const options = nymbl.options.parse({
      clientId: 'c',
      clientSecret: 's',
      apiKey: 'k',
      baseUrl: server.url,
      tokenUrl: server.url,
      customer: { claim: 'customer' },
      rateLimitScope,
      allow: [{ method: 'GET', path: '/Patients' }],
    });
    const vendor = nymbl.create(options);
    const send = async (customer: string): Promise<unknown> => {
      const proxy = tokenProxyOf(vendor);
      const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: { customer } };
      const token = { kind: 'server', vendor: 'nymbl', secret: new Secret(`of-${customer}`) } as const;
      const request = { method: 'GET', path: '/Patients', query: '', headers: {} };
      const key = proxy.tokenKey(principal);
      return proxy.send(request, token, key).then(
        () => 'sent',
        ({ code, reason }: ValetKeyError) => `${code} ${reason}`,
      );
    };
    expect(await send('acme')).toBe('vendor_rate_limited status_429');
    server.respond({ json: {} });
    expect(await send('acme')).toBe('vendor_rate_limited held');
    expect(await send('other')).toMatch(outcome);
    expect(server.calls).toHaveLength(outcome === 'sent' ? 2 : 1);
    await vendor.close();
  },
);

test.each<[string, object, object, string]>([
  ['the API responds 200', {}, { json: { value: [] } }, ''],
  [
    'the API responds 404',
    {},
    { status: 404, json: { error: { code: 'NotFound' } } },
    '`apiKey`, because the first `GET` of `allow` received 404',
  ],
  [
    '`allow` has no collection',
    { allow: [] },
    { json: {} },
    '`apiKey`, because `allow` has no `GET` of a path without placeholders, with which it could be tried',
  ],
  [
    '`customer` is a claim',
    { customer: { claim: 'customer' } },
    { json: {} },
    '`apiKey`, because `customer` is a claim, and only the token of a customer reaches the API',
  ],
])('verify says whether it could check the API key if %s', async (_, changes, response, expected) => {
  await using server = await startVendorServer({ json: { access_token: 'a', expires_in: 300 } }, response);
  const { proven, notChecked } = await createNymblClient({
    ...base,
    baseUrl: server.url,
    tokenUrl: server.url,
    ...changes,
  }).verify();
  expect(proven).toContain('`clientId` and `clientSecret` are accepted');
  expect(proven.includes('`apiKey` is accepted')).toBe(expected === '');
  expect((notChecked ?? []).join(' ')).toBe(expected);
});

const [devApi, qaApi] = ['https://api.nymbldev.com', 'https://api.nymblqa.com'];
const [devTokens, qaTokens] = ['https://idp.api.nymbldev.com/oauth2/token', 'https://idp.api.nymblqa.com/oauth2/token'];

const wrongEnvironment = (api: string, identityProvider: string) =>
  `tokenUrl: must belong to the environment of \`baseUrl\` (${api}), but belongs to ${identityProvider}`;

function problemsOfHosts(hosts: object): string[] {
  const given = { clientId: 'c', clientSecret: 's', apiKey: 'k', customer: { value: 'acme' }, ...hosts };
  const { issues = [] } = nymbl.options.safeParse(given).error ?? {};
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test.each([
  {},
  { baseUrl: qaApi, tokenUrl: qaTokens },
  { baseUrl: devApi, tokenUrl: 'https://gateway.example.com/oauth2/token' },
  { baseUrl: 'https://gateway.example.com', tokenUrl: qaTokens },
  { baseUrl: 'https://notnymblqa.com', tokenUrl: devTokens },
])('the options of Nymbl accept %j, which names hosts of at most one environment', (hosts) => {
  expect(problemsOfHosts(hosts)).toEqual([]);
});

test.each<[object, string]>([
  [{ baseUrl: qaApi }, wrongEnvironment('nymblqa.com', 'nymbldev.com')],
  [{ tokenUrl: qaTokens }, wrongEnvironment('nymbldev.com', 'nymblqa.com')],
  [{ baseUrl: 'https://API.NymblQA.com', tokenUrl: devTokens }, wrongEnvironment('nymblqa.com', 'nymbldev.com')],
  [{ baseUrl: 'https://api.nymbl.com', tokenUrl: devTokens }, wrongEnvironment('nymbl.com', 'nymbldev.com')],
])('the options of Nymbl refuse %j, which mixes hosts of two environments', (hosts, problem) => {
  expect(problemsOfHosts(hosts)).toEqual([problem]);
});
