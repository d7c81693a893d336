import { expect, test } from 'vitest';
import { FetchFailure, fetchJson, type FetchBounds } from './fetch-json.ts';

function boundsFor(fetch: typeof globalThis.fetch, changes: Partial<FetchBounds> = {}): FetchBounds {
  return { fetch, timeoutMs: 1000, maxBytes: 100, signal: new AbortController().signal, ...changes };
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof FetchFailure ? error.reason : `not a FetchFailure: ${String(error)}`;
}

test('asks for JSON, without redirects and credentials', async () => {
  let seen: RequestInit | undefined;
  const fetch: typeof globalThis.fetch = async (_url, init) => {
    seen = init;
    return Response.json({ a: 1 });
  };
  await expect(fetchJson('https://id.example.com', {}, boundsFor(fetch))).resolves.toEqual({ a: 1 });
  expect(seen).toMatchObject({ redirect: 'error', credentials: 'omit' });
  expect(new Headers(seen?.headers).get('accept')).toBe('application/json');
});

test('takes a body of exactly the bound, and none of a byte more', async () => {
  const fetchOf = (length: number) => boundsFor(async () => new Response(`"${'a'.repeat(length - 2)}"`));
  await expect(fetchJson('https://id.example.com', {}, fetchOf(100))).resolves.toHaveLength(98);
  await expect(reasonOf(fetchJson('https://id.example.com', {}, fetchOf(101)))).resolves.toBe('too_large');
});

test('takes an answer without a body for no JSON', async () => {
  const bounds = boundsFor(async () => new Response(null));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toBe('not_json');
});

test('holds its time even where fetch does not heed the signal', async () => {
  const bounds = boundsFor(() => new Promise(() => {}), { timeoutMs: 5 });
  await expect(reasonOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toBe('timeout');
});

test('ends when it is told to, before or after it began', async () => {
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
  ['a cause that is no error', 'x', 'network_error'],
])('names a failure with %s by a word of its own', async (_, cause, reason) => {
  const bounds = boundsFor(() => Promise.reject(new TypeError('fetch failed', { cause })));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toBe(reason);
});

test('names what is not even an error', async () => {
  const bounds = boundsFor(() => Promise.reject('text' as never));
  await expect(reasonOf(fetchJson('https://id.example.com', {}, bounds))).resolves.toBe('network_error');
});
