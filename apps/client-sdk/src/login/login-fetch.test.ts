import { expect, onTestFinished, test, vi } from 'vitest';
import { jsonResponse } from '../testing/fake-provider.ts';
import { failureOf } from '../testing/failure.ts';
import { createTestLogin } from '../testing/sign-in.ts';

const api = 'https://api.example';

async function signedIn(options: Parameters<typeof createTestLogin>[0] = {}) {
  const setting = createTestLogin({ allowedOrigins: [api], ...options });
  await setting.signIn();
  setting.provider.requests.length = 0;
  setting.provider.on(`${api}/orders`, () => jsonResponse({ orders: [] }));
  return setting;
}

test('login.fetch adds the access token, sends no cookies and follows no redirect', async () => {
  const { login, provider } = await signedIn();
  const response = await login.fetch(`${api}/orders`, { headers: { 'x-trace': '1' } });

  expect(await response.json()).toEqual({ orders: [] });
  const [{ headers, init } = expect.fail()] = provider.requests;
  expect(Object.fromEntries(headers)).toEqual({ authorization: 'Bearer access-1', 'x-trace': '1' });
  expect(init).toMatchObject({ credentials: 'omit', redirect: 'manual' });
});

test('login.fetch sends cookies only if the app asks for them', async () => {
  const { login, provider } = await signedIn();
  await login.fetch(`${api}/orders`, { credentials: 'include' });

  expect(provider.requests[0]?.init.credentials).toBe('include');
});

test('login.fetch replaces an authorization header of the app', async () => {
  const { login, provider } = await signedIn();
  await login.fetch(`${api}/orders`, { headers: { Authorization: 'Basic own' } });

  expect(provider.requests[0]?.headers.get('authorization')).toBe('Bearer access-1');
});

test('login.fetch sends a request without a token if no user is signed in', async () => {
  const { login, provider } = createTestLogin({ allowedOrigins: [api] });
  provider.on(`${api}/orders`, () => new Response(null, { status: 401 }));
  const response = await login.fetch(`${api}/orders`);

  expect(response.status).toBe(401);
  expect(provider.requests).toHaveLength(1);
  expect(provider.requests[0]?.headers.has('authorization')).toBe(false);
});

test.each([
  ['a string', `${api}/orders`],
  ['a string in other letters', 'HTTPS://API.EXAMPLE:443/orders'],
  ['a string with line breaks', `${api.slice(0, 10)}\n${api.slice(10)}/or\tders`],
  ['a URL', new URL(`${api}/orders`)],
  ['a Request', new Request(`${api}/orders`)],
])('login.fetch accepts %s', async (_, input) => {
  const { login, provider } = await signedIn();
  await login.fetch(input);

  expect(provider.requests[0]?.url).toBe(`${api}/orders`);
});

test('login.fetch sends the method, headers and body of a Request', async () => {
  const { login, provider } = await signedIn();
  const seen: string[] = [];
  provider.on(`${api}/orders`, () => jsonResponse({}));
  const fetchBefore = provider.fetch;
  const { login: other, signIn } = createTestLogin({
    allowedOrigins: [api],
    fetch: (async (input: Request | string, init?: RequestInit) => {
      if (typeof input !== 'string') {
        seen.push(`${input.method} ${input.headers.get('x-trace')} ${input.credentials} ${await input.text()}`);
        return jsonResponse({});
      }
      return fetchBefore(input, init);
    }) as typeof fetch,
  });
  expect(login.sessionState).toBe('AUTHENTICATED');
  await signIn().catch(() => undefined);
  await other.fetch(new Request(`${api}/orders`, { method: 'POST', headers: { 'x-trace': '1' }, body: 'text' }));

  expect(seen).toEqual(['POST 1 omit text']);
});

const hostile = [
  'https://evil.test/orders',
  'https://api.example@evil.test/orders',
  'https://api.example:443@evil.test/orders',
  'https://user@api.example/orders',
  'https://user:password@api.example/orders',
  String.raw`https:\\evil.test\orders`,
  String.raw`https://evil.test\@api.example/orders`,
  '//evil.test/orders',
  String.raw`\\evil.test/orders`,
  String.raw`/\evil.test/orders`,
  '/orders',
  'orders',
  '',
  'http://api.example/orders',
  'https://api.example:8443/orders',
  'https://api.example.evil.test/orders',
  'https://api.example./orders',
  'https://api.example%2eevil.test/orders',
  'https://api.example%00.evil.test/orders',
  'https://аpi.example/orders',
  'https://sub.api.example/orders',
  'https:api.example.evil.test',
  'ws://api.example/orders',
  'ftp://api.example/orders',
  'file:///etc/passwd',
  'data:application/json,{}',
  'javascript:alert(1)',
  'blob:https://api.example/6c2d1c7e',
  'about:blank',
  'null',
];

test.each(hostile)('login.fetch refuses the URL %j and sends nothing', async (url) => {
  const { login, provider } = await signedIn();

  expect(await failureOf(login.fetch(url))).toMatchObject({ code: 'invalid_request' });
  expect(provider.requests).toEqual([]);
});

test.each([...hostile, String.raw`https://api.example\.evil.test/orders`])(
  'login.fetch sends the URL %j to no other origin, on a page of the allowed origin',
  async (url) => {
    vi.stubGlobal('location', { href: `${api}/page` });
    onTestFinished(() => void vi.unstubAllGlobals());
    const { login, provider } = await signedIn();
    await login.fetch(url).catch(() => undefined);

    for (const request of provider.requests) expect(new URL(request.url).origin).toBe(api);
  },
);

test('login.fetch resolves a relative URL against the page', async () => {
  vi.stubGlobal('location', { href: `${api}/page` });
  onTestFinished(() => void vi.unstubAllGlobals());
  const { login, provider } = await signedIn();
  await login.fetch('/orders');

  expect(provider.requests[0]?.url).toBe(`${api}/orders`);
});

test('login.fetch without allowedOrigins refuses every URL', async () => {
  const { login } = await signedIn({ allowedOrigins: undefined });

  expect(await failureOf(login.fetch(`${api}/orders`))).toMatchObject({ code: 'invalid_request' });
});

test.each([301, 302, 303, 307, 308])(
  'login.fetch refuses a redirect with %d and sends nothing to its target',
  async (status) => {
    const { login, provider } = await signedIn();
    const location = 'https://evil.test/orders';
    provider.on(`${api}/orders`, () => new Response(null, { status, headers: { location } }));

    expect(await failureOf(login.fetch(`${api}/orders`, { redirect: 'follow' }))).toMatchObject({
      code: 'response_invalid',
    });
    expect(provider.requests.map(({ url }) => url)).toEqual([`${api}/orders`]);
  },
);

test.each(['manual', 'follow'] as const)(
  'login.fetch refuses the opaque redirect of a browser, and the one that React Native followed (%s)',
  async (redirect) => {
    const { login, provider } = await signedIn();
    const redirects = [
      Object.defineProperties(Response.error(), { type: { value: 'opaqueredirect' } }),
      Object.defineProperties(jsonResponse({}), { url: { value: 'https://evil.test/orders' } }),
      Object.defineProperties(jsonResponse({}), { redirected: { value: true } }),
    ];
    for (const response of redirects) {
      provider.on(`${api}/orders`, () => response);
      expect(await failureOf(login.fetch(`${api}/orders`, { redirect }))).toMatchObject({ code: 'response_invalid' });
    }
  },
);

test('login.fetch refreshes the token once after 401 and repeats the request, with its body', async () => {
  const { login, provider } = await signedIn();
  provider.on(`${api}/orders`, ({ headers }) =>
    headers.get('authorization') === 'Bearer access-2' ? jsonResponse({}) : new Response('no', { status: 401 }),
  );
  const response = await login.fetch(`${api}/orders`, { method: 'POST', body: 'text' });

  expect(response.status).toBe(200);
  expect(provider.requests.map(({ path, init }) => [path, init.body])).toEqual([
    ['/orders', 'text'],
    ['/token', expect.stringContaining('refresh-1')],
    ['/orders', 'text'],
  ]);
});

test('login.fetch refreshes once for ten concurrent requests that a server refuses', async () => {
  const { login, provider } = await signedIn();
  provider.on(`${api}/orders`, ({ headers }) =>
    headers.get('authorization') === 'Bearer access-2' ? jsonResponse({}) : new Response(null, { status: 401 }),
  );
  const responses = await Promise.all(Array.from({ length: 10 }, () => login.fetch(`${api}/orders`)));

  expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
  expect(provider.calls('/token')).toBe(1);
});

test('login.fetch does not refresh again for a server that refuses even a fresh token', async () => {
  const { login, provider } = await signedIn();
  provider.on(`${api}/orders`, () => new Response(null, { status: 401 }));
  for (let count = 0; count < 5; count += 1) expect((await login.fetch(`${api}/orders`)).status).toBe(401);

  expect(provider.calls('/token')).toBe(1);
  expect(provider.calls('/orders')).toBe(6);
});

test.each([
  ['a stream', () => ({ body: new Blob(['text']).stream() })],
  [
    'an asynchronous iterable',
    () => ({
      body: (async function* () {
        yield 'text';
      })() as never,
    }),
  ],
])('login.fetch never sends %s twice, but refreshes for the next request', async (_, bodyOf) => {
  const { login, provider } = await signedIn();
  provider.on(`${api}/orders`, () => new Response('no', { status: 401 }));
  const response = await login.fetch(`${api}/orders`, { method: 'POST', ...bodyOf() });

  expect(response.status).toBe(401);
  expect(await response.text()).toBe('no');
  expect(provider.calls('/orders')).toBe(1);
  expect(provider.requests[0]?.init).toMatchObject({ duplex: 'half' });
  expect(login.accessToken).toBe('access-2');
});

test('login.fetch never sends the body of a Request twice, and repeats a Request without a body', async () => {
  const { login, provider } = await signedIn();
  provider.on(`${api}/orders`, () => new Response(null, { status: 401 }));
  await login.fetch(new Request(`${api}/orders`, { method: 'PUT', body: 'text' }));
  expect(provider.calls('/orders')).toBe(1);

  await login.fetch(new Request(`${api}/orders`));
  expect(provider.calls('/orders')).toBe(3);
});

test('login.fetch returns the 401 if the refresh fails, and keeps the session', async () => {
  const { login, provider } = await signedIn();
  provider.on(`${api}/orders`, () => new Response('no', { status: 401 }));
  provider.on('/token', () => {
    throw new TypeError('offline');
  });
  const response = await login.fetch(`${api}/orders`);

  expect([response.status, await response.text()]).toEqual([401, 'no']);
  expect(login.sessionState).toBe('AUTHENTICATED');
});

test('login.fetch returns the 401 if the provider has ended the session', async () => {
  const { login, provider, changes } = await signedIn();
  provider.on(`${api}/orders`, () => new Response('no', { status: 401 }));
  provider.live.refresh = 'revoked';
  const response = await login.fetch(`${api}/orders`);

  expect([response.status, await response.text()]).toEqual([401, 'no']);
  expect(changes.at(-1)).toBe('NO_SESSION INVALID');
});

test('login.fetch sends a request without a token if the session ended before it', async () => {
  const { login, provider, advance } = await signedIn();
  provider.live.refresh = 'revoked';
  advance(1_800_000);
  const response = await login.fetch(`${api}/orders`);

  expect(response.status).toBe(200);
  expect(provider.requests.at(-1)?.headers.has('authorization')).toBe(false);
});

test('login.fetch rejects with the failure of a refresh that it needs, and keeps the session', async () => {
  const { login, provider, advance } = await signedIn();
  provider.on('/token', () => {
    throw new TypeError('offline');
  });
  advance(1_800_000);

  expect(await failureOf(login.fetch(`${api}/orders`))).toMatchObject({ code: 'network_unavailable', retryable: true });
  expect(login.sessionState).toBe('AUTHENTICATED');
  expect(provider.calls('/orders')).toBe(0);
});

test('login.fetch returns a response with 304', async () => {
  const { login, provider } = await signedIn();
  provider.on(`${api}/orders`, () => new Response(null, { status: 304 }));

  expect((await login.fetch(`${api}/orders`)).status).toBe(304);
});

test('login.fetch rejects with network_unavailable if the server is unreachable', async () => {
  const { login, provider } = await signedIn();
  provider.on(`${api}/orders`, () => {
    throw new TypeError('fetch failed: secret');
  });
  const error = await failureOf(login.fetch(`${api}/orders`));

  expect(error).toMatchObject({ code: 'network_unavailable', cause: { message: 'fetch failed: secret' } });
  expect(error.message + JSON.stringify(error)).not.toContain('secret');
});

test('login.fetch rejects a header that the platform refuses, without its value', async () => {
  const { login } = await signedIn();
  const error = await failureOf(login.fetch(`${api}/orders`, { headers: { 'x-trace': 'sec\nret' } }));

  expect(error).toMatchObject({ code: 'invalid_request' });
  expect(error.message).not.toContain('ret\n');
});

test('a sign-out aborts the requests of the user, and a sign-in none that began without a user', async () => {
  const { login, provider, signIn } = await signedIn();
  const held = Promise.withResolvers<Response>();
  provider.on(`${api}/orders`, ({ init }) => {
    init.signal?.addEventListener('abort', () => held.reject(new DOMException('', 'AbortError')));
    return held.promise;
  });
  const first = failureOf(login.fetch(`${api}/orders`));
  await expect.poll(() => provider.calls('/orders')).toBe(1);
  await login.logout();
  expect(await first).toMatchObject({ code: 'aborted' });

  const next = Promise.withResolvers<Response>();
  provider.on(`${api}/orders`, () => next.promise);
  const second = login.fetch(`${api}/orders`);
  await expect.poll(() => provider.calls('/orders')).toBe(2);
  await signIn();
  next.resolve(jsonResponse({ public: true }));
  expect(await (await second).json()).toEqual({ public: true });
});

test("the app's signal ends a request and its body", async () => {
  const { login, provider } = await signedIn();
  const controller = new AbortController();
  const signals: (AbortSignal | null | undefined)[] = [];
  provider.on(`${api}/orders`, ({ init }) => {
    signals.push(init.signal);
    return jsonResponse({});
  });
  await login.fetch(`${api}/orders`, { signal: controller.signal });
  controller.abort();

  expect(signals[0]?.aborted).toBe(true);
  expect(await failureOf(login.fetch(`${api}/orders`, { signal: controller.signal }))).toMatchObject({
    code: 'aborted',
  });
});
