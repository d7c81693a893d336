import { createHash } from 'node:crypto';
import { createContext, runInContext } from 'node:vm';
import { brotliCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { memoryStorage } from '../storage/memory-storage.ts';
import { bundleEntry } from '../testing/bundle.ts';
import { clientId, createFakeProvider, issuer, redirectUri } from '../testing/fake-provider.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import type * as Sdk from '../login.ts';

/** The size today; 14 kB is the aim. */
const maxBytes = 14_600;

const bundle = bundleEntry('login.ts', { minify: true });

test('the sign-in with its dependency and the session engine has at most the bytes that an app downloads today', () => {
  const code = bundle.module;

  expect(code).not.toMatch(/\brequire\b|\bfrom\s*["']|node:/);
  expect(brotliCompressSync(code).length).toBeLessThanOrEqual(maxBytes);
});

test('a user signs in on a platform that has only the globals of React Native with polyfills, and no WebCrypto', async () => {
  const { clock } = createVirtualClock(Date.now());
  const provider = createFakeProvider(clock);
  const context = createContext({
    AbortController,
    AbortSignal,
    Headers,
    Response,
    Request,
    URL,
    URLSearchParams,
    TextEncoder,
    TextDecoder,
    Uint8Array,
    ArrayBuffer,
    Error,
    TypeError,
    Object,
    atob,
    btoa,
    setTimeout,
    clearTimeout,
  });
  const { createLogin } = runInContext(`${bundle.script}; sdk`, context) as typeof Sdk;
  let byte = 0;

  const login = createLogin({
    clientId,
    issuer,
    redirectUri,
    storage: memoryStorage(),
    fetch: provider.fetch,
    clock,
    randomBytes: (length) => new Uint8Array(length).fill((byte += 1)),
    sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  });
  await login.finishAuthorization(provider.signIn(await login.authorize()));

  expect(await login.fetchUserInfo()).toMatchObject({ sub: 'alice' });
});
