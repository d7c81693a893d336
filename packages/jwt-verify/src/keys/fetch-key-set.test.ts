import { expect, test } from 'vitest';
import { fetchKeySet } from './fetch-key-set.ts';

const url = 'https://id.example.com/keys';

/** Fetches the keys from a provider that sends this response, and returns the failure. */
async function failureFor(response: Response): Promise<unknown> {
  const { signal } = new AbortController();
  const http = { fetch: async () => response, timeoutMs: 1_000, maxBytes: 1_000, signal };
  return fetchKeySet(url, [], http).catch((error: unknown) => error);
}

test('fetchKeySet says what to change if the URL of the keys has no key set', async () => {
  expect(await failureFor(new Response('', { status: 404 }))).toMatchObject({
    reason: 'status_404',
    detail: `The URL of the keys, ${url}, responded without a key set (status_404). Set jwksUri to the URL of the provider's JWKS.`,
  });
});

test('fetchKeySet does not doubt the URL of the keys if the provider asks for fewer calls', async () => {
  expect(await failureFor(new Response('', { status: 429 }))).toMatchObject({
    reason: 'status_429',
    detail: undefined,
  });
});
