import { expect, test } from 'vitest';
import { refuseConnection } from '../testing/fake-network.ts';
import { FetchFailure, fetchJson, type FetchDependencies } from './fetch-json.ts';

function httpWith(fetch: typeof globalThis.fetch, changes: Partial<FetchDependencies> = {}): FetchDependencies {
  return { fetch, timeoutMs: 1000, maxBytes: 100, signal: new AbortController().signal, ...changes };
}

async function failureOf(promise: Promise<unknown>): Promise<FetchFailure> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof FetchFailure) return error;
  throw new Error('The promise did not reject with a FetchFailure.', { cause: error });
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  return (await failureOf(promise)).reason;
}

test('fetchJson requests JSON, and allows neither redirects nor credentials', async () => {
  let seen: RequestInit | undefined;
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    seen = init;
    return Response.json({ a: 1 });
  };
  await expect(fetchJson('https://id.example.com', {}, httpWith(fetch))).resolves.toEqual({ a: 1 });
  expect(seen).toMatchObject({ redirect: 'error', credentials: 'omit' });
  expect(new Headers(seen?.headers).get('accept')).toBe(
    'application/json, application/jwk-set+json, application/*+json;q=0.9',
  );
});

test('fetchJson accepts a body of exactly maxBytes, and rejects with the reason too_large for one byte more', async () => {
  const httpOf = (length: number) => httpWith(async () => new Response(`"${'a'.repeat(length - 2)}"`));
  await expect(fetchJson('https://id.example.com', {}, httpOf(100))).resolves.toHaveLength(98);
  await expect(reasonOf(fetchJson('https://id.example.com', {}, httpOf(101)))).resolves.toBe('too_large');
});

test('fetchJson rejects with the reason not_json for a response without a body', async () => {
  const http = httpWith(async () => new Response(null));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, http))).resolves.toBe('not_json');
});

const mark = '\uFEFF';

test.each([
  ['JSON', '{"keys":[]}'],
  ['JSON after a byte order mark', `${mark}{"keys":[]}`],
  ['JSON between white space, after a byte order mark', `${mark}\r\n\t {"keys":[]} \n`],
])('fetchJson reads %s', async (_, body) => {
  const http = httpWith(async () => new Response(Buffer.from(body)));
  await expect(fetchJson('https://id.example.com', {}, http)).resolves.toEqual({ keys: [] });
});

test.each<[string, string | Buffer]>([
  ['a byte order mark alone', mark],
  ['two byte order marks', `${mark}${mark}{}`],
  ['a byte order mark after white space', ` ${mark}{}`],
  ['JSON in UTF-16', Buffer.from(`${mark}{}`, 'utf16le')],
  ['HTML after a byte order mark', `${mark}<html>`],
])('fetchJson refuses %s', async (_, body) => {
  const http = httpWith(async () => new Response(Buffer.from(body as string)));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, http))).resolves.toBe('not_json');
});

test('fetchJson rejects with the status of a response that is not a 200', async () => {
  const http = httpWith(async () => new Response('{}', { status: 404 }));
  await expect(failureOf(fetchJson('https://id.example.com', {}, http))).resolves.toMatchObject({
    name: 'FetchFailure',
    message: 'status_404',
    reason: 'status_404',
    isMiss: true,
  });
});

test.each<[string, boolean, () => Response]>([
  ['a 204', true, () => new Response(null, { status: 204 })],
  ['a 499', true, () => new Response('{}', { status: 499 })],
  ['a 500', false, () => new Response('{}', { status: 500 })],
  ['HTML', true, () => new Response('<html>')],
  ['a body that is too large', true, () => new Response(' '.repeat(101))],
  ['no response', false, refuseConnection],
])('fetchJson says for %s whether the URL is a miss: %s', async (_, isMiss, respond) => {
  const failure = await failureOf(
    fetchJson(
      'https://id.example.com',
      {},
      httpWith(async () => respond()),
    ),
  );
  expect(failure.isMiss).toBe(isMiss);
});

test('fetchJson rejects after timeoutMs, also if fetch ignores its signal', async () => {
  const http = httpWith(() => new Promise(() => {}), { timeoutMs: 5 });
  await expect(reasonOf(fetchJson('https://id.example.com', {}, http))).resolves.toBe('timeout');
});

test('fetchJson rejects with the reason closed if its signal is aborted before or during the call', async () => {
  const closing = new AbortController();
  const http = httpWith(() => new Promise(() => {}), { signal: closing.signal });
  const pending = reasonOf(fetchJson('https://id.example.com', {}, http));
  closing.abort();
  await expect(pending).resolves.toBe('closed');
  const refused = httpWith((_url, init) => Promise.reject(init?.signal?.reason), { signal: closing.signal });
  await expect(reasonOf(fetchJson('https://id.example.com', {}, refused))).resolves.toBe('closed');
});

test.each<[string, string, unknown]>([
  ['ENOTFOUND', 'a system error code', Object.assign(new Error('x'), { code: 'ENOTFOUND' })],
  ['network_error', 'no code', new Error('secret text')],
  ['network_error', 'a code that is free text', Object.assign(new Error('x'), { code: 'Bearer abc' })],
  ['network_error', 'a code that begins with free text', Object.assign(new Error('x'), { code: 'secret ENOTFOUND' })],
  ['network_error', 'a code that ends with free text', Object.assign(new Error('x'), { code: 'ENOTFOUND secret' })],
  ['redirect', 'a redirect', new Error('unexpected redirect')],
  ['network_error', 'a code that is a number', Object.assign(new Error('x'), { code: 7 })],
  ['network_error', 'no cause', undefined],
  ['network_error', 'a cause that is not an error', 'x'],
])('fetchJson rejects with the reason %s for an error of fetch with %s', async (reason, _case, cause) => {
  const http = httpWith(() => Promise.reject(new TypeError('fetch failed', { cause })));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, http))).resolves.toBe(reason);
});

test('fetchJson rejects with the reason network_error if fetch rejects with a text', async () => {
  const http = httpWith(() => Promise.reject('text' as never));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, http))).resolves.toBe('network_error');
});

/** Throws a network error with a code, as `fetch` reports it. */
function failWith(code: string): never {
  throw new TypeError('fetch failed', { cause: Object.assign(new Error('SECRET'), { code }) });
}

test('fetchJson sends a call once more if the network had dropped the idle connection', async () => {
  let calls = 0;
  const fetch: typeof globalThis.fetch = async () => {
    calls += 1;
    return calls === 1 ? failWith('CONNECTION_DROPPED') : Response.json({ calls });
  };
  await expect(fetchJson('https://id.example.com', {}, httpWith(fetch))).resolves.toEqual({ calls: 2 });
});

test('fetchJson sends no third call if the second connection was dropped as well', async () => {
  let calls = 0;
  const http = httpWith(async () => {
    calls += 1;
    return failWith('CONNECTION_DROPPED');
  });
  await expect(reasonOf(fetchJson('https://id.example.com', {}, http))).resolves.toBe('CONNECTION_DROPPED');
  expect(calls).toBe(2);
});

test('fetchJson does not repeat a call after any other network error', async () => {
  let calls = 0;
  const http = httpWith(async () => {
    calls += 1;
    return failWith('ECONNRESET');
  });
  await expect(reasonOf(fetchJson('https://id.example.com', {}, http))).resolves.toBe('ECONNRESET');
  expect(calls).toBe(1);
});

test.each([
  ['EGRESS_REFUSED', /`egress\.allow`/],
  ['PROXY_REFUSED', /`egress\.proxy`/],
  ['PROXY_UNREACHABLE', /`egress\.proxy`/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /`egress\.ca`/],
])('a fetch that fails with %s names the setting of the egress', async (code, advice) => {
  const failure = await failureOf(
    fetchJson(
      'https://id.example.com',
      {},
      httpWith(async () => failWith(code)),
    ),
  );
  expect(failure.reason).toBe(code);
  expect(failure.detail).toMatch(advice);
});
