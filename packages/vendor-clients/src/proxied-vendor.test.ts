import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { isCallAllowed } from './kit/index.ts';
import { acme } from './testing/proxied-vendor.ts';
import { startVendorServer } from './testing/vendor-server.ts';
import { tokenProxyOf } from './testing/token-proxy.ts';

const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };

test('the proxied vendor of the README forwards a call with its own token, and says when the vendor refuses the token', async () => {
  await using server = await startVendorServer(
    { json: { access_token: 'server-token', expires_in: 300 } },
    { json: { items: [] } },
    { status: 401 },
  );
  const options = acme.options.parse({
    clientId: 'client-1',
    clientSecret: 'sandbox-only-secret',
    baseUrl: server.url,
    allow: [{ method: 'GET', path: '/v1/things/{id}' }],
  });
  const vendor = acme.create(options);
  const proxy = tokenProxyOf(vendor);
  expect(isCallAllowed(proxy.allow, 'GET', '/v1/things/7')).toBe(true);
  expect(isCallAllowed(proxy.allow, 'DELETE', '/v1/things/7')).toBe(false);

  const token = await proxy.issueServerToken(proxy.tokenKey(principal));
  expect(token).toMatchObject({ kind: 'server', vendor: 'acme', expiresInSeconds: 300 });
  const request = { method: 'GET', path: '/v1/things/7', query: '?a=1', headers: { authorization: 'Bearer theirs' } };
  const response = await proxy.send(request, token);
  if (response === 'token_refused') throw new Error('The vendor accepts the token.');
  expect([response.status, await text(Readable.from(response.body))]).toEqual([200, '{"items":[]}']);
  expect(server.calls[1]).toMatchObject({
    path: '/v1/things/7?a=1',
    headers: { authorization: 'Bearer server-token' },
  });
  expect(await proxy.send(request, token)).toBe('token_refused');
  await vendor.close();
});

test('the README shows the proxied vendor that the compiler checks here', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, ...lines] = read('testing/proxied-vendor.ts').split('\n');
  const shown = lines.join('\n').replace('../kit/index.ts', '@valetkey/vendor-clients/kit');
  expect(read('../README.md')).toContain(`\`\`\`ts\n${shown}\`\`\``);
});
