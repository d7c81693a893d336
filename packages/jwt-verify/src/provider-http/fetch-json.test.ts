import { expect, test } from 'vitest';
import { FetchFailure, fetchJson, type FetchBounds } from './fetch-json.ts';

function boundsFor(fetch: typeof globalThis.fetch, changes: Partial<FetchBounds> = {}): FetchBounds {
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
  await expect(fetchJson('https://id.example.com', {}, boundsFor(fetch))).resolves.toEqual({ a: 1 });
  expect(seen).toMatchObject({ redirect: 'error', credentials: 'omit' });
  expect(new Headers(seen?.headers).get('accept')).toBe('application/json');
});

test('fetchJson accepts a body of exactly maxBytes, and rejects one byte more', async () => {
  const fetchOf = (length: number) => boundsFor(async () => new Response(`"${'a'.repeat(length - 2)}"`));
  await expect(fetchJson('https://id.example.com', {}, fetchOf(100))).resolves.toHaveLength(98);
  await expect(reasonOf(fetchJson('https://id.example.com', {}, fetchOf(101)))).resolves.toBe('too_large');
});

test('fetchJson rejects a response without a body as not_json', async () => {
  const bounds = boundsFor(async () => new Response(null));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toBe('not_json');
});

test('the failure of another status than 200 carries that status', async () => {
  const bounds = boundsFor(async () => new Response('{}', { status: 404 }));
  await expect(failureOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toMatchObject({
    name: 'FetchFailure',
    message: 'status_404',
    reason: 'status_404',
    status: 404,
  });
});

test('a failure without a response carries no status', async () => {
  const bounds = boundsFor(() => Promise.reject(new TypeError('fetch failed')));
  await expect(failureOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toMatchObject({
    status: undefined,
  });
});

test('fetchJson rejects after timeoutMs, also where fetch ignores its signal', async () => {
  const bounds = boundsFor(() => new Promise(() => {}), { timeoutMs: 5 });
  await expect(reasonOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toBe('timeout');
});

test('fetchJson rejects as closed where its signal is aborted before or during the call', async () => {
  const closing = new AbortController();
  const bounds = boundsFor(() => new Promise(() => {}), { signal: closing.signal });
  const pending = reasonOf(fetchJson('https://id.example.com', {}, bounds));
  closing.abort();
  await expect(pending).resolves.toBe('closed');
  const refused = boundsFor((_url, init) => Promise.reject(init?.signal?.reason), { signal: closing.signal });
  await expect(reasonOf(fetchJson('https://id.example.com', {}, refused))).resolves.toBe('closed');
});

test.each<[string, unknown, string]>([
  ['a system error code', Object.assign(new Error('x'), { code: 'ENOTFOUND' }), 'ENOTFOUND'],
  ['no code', new Error('secret text'), 'network_error'],
  ['a code that is foreign text', Object.assign(new Error('x'), { code: 'Bearer abc' }), 'network_error'],
  [
    'a code that begins with foreign text',
    Object.assign(new Error('x'), { code: 'secret ENOTFOUND' }),
    'network_error',
  ],
  ['a code that ends with foreign text', Object.assign(new Error('x'), { code: 'ENOTFOUND secret' }), 'network_error'],
  ['a redirect', new Error('unexpected redirect'), 'redirect'],
  ['a code that is a number', Object.assign(new Error('x'), { code: 7 }), 'network_error'],
  ['no cause', undefined, 'network_error'],
  ['a cause that is not an error', 'x', 'network_error'],
])('the reason of a failure with %s is a word of our own', async (_, cause, reason) => {
  const bounds = boundsFor(() => Promise.reject(new TypeError('fetch failed', { cause })));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toBe(reason);
});

test('the reason of a rejection that is not an error is network_error', async () => {
  const bounds = boundsFor(() => Promise.reject('text' as never));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toBe('network_error');
});
