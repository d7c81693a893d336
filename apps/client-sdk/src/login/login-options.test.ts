import { expect, onTestFinished, test, vi } from 'vitest';
import { memoryStorage } from '../storage/memory-storage.ts';
import { createLogin } from './login.ts';

const valid = {
  clientId: 'my-app',
  issuer: 'https://id.example',
  redirectUri: 'https://app.example/callback',
  storage: memoryStorage(),
};

test.each([
  ['clientID', { clientID: 'my-app' }],
  ['endpoint', { endpoint: 'https://id.example' }],
  ['clientId', { clientId: '' }],
  ['issuer', { issuer: undefined }],
  ['issuer', { issuer: 'http://id.example' }],
  ['issuer', { issuer: 'https://user:secret@id.example' }],
  ['issuer', { issuer: 'https://id.example/?secret' }],
  ['issuer', { issuer: 'https://id.example/#secret' }],
  ['issuer', { issuer: 'id.example' }],
  ['redirectUri', { redirectUri: '/callback' }],
  ['redirectUri', { redirectUri: 'http://app.example/callback' }],
  ['redirectUri', { redirectUri: 'https://app.example/callback#secret' }],
  ['redirectUri', { redirectUri: 'javascript:secret' }],
  ['redirectUri', { redirectUri: 'data:text/html,secret' }],
  ['scopes', { scopes: 'openid' }],
  ['scopes', { scopes: ['offline_access'] }],
  ['scopes', { scopes: ['openid', 'a b'] }],
  ['storage', { storage: undefined }],
  ['pendingStorage.replace', { pendingStorage: {} }],
  ['allowedOrigins', { allowedOrigins: 'https://api.example' }],
  ['allowedOrigins', { allowedOrigins: ['https://api.example/'] }],
  ['allowedOrigins', { allowedOrigins: ['https://api.example/v1'] }],
  ['allowedOrigins', { allowedOrigins: ['https://API.example'] }],
  ['allowedOrigins', { allowedOrigins: ['https://api.example:443'] }],
  ['allowedOrigins', { allowedOrigins: ['https://*.example'] }],
  ['allowedOrigins', { allowedOrigins: ['http://api.example'] }],
  ['allowedOrigins', { allowedOrigins: ['*'] }],
  ['allowedOrigins', { allowedOrigins: ['null'] }],
  ['allowedOrigins', { allowedOrigins: ['file://'] }],
  ['onSessionStateChange', { onSessionStateChange: {} }],
  ['fetch', { fetch: 'fetch' }],
  ['clock', { clock: {} }],
  ['timeoutMs', { timeoutMs: 0 }],
  ['timeoutMs', { timeoutMs: Infinity }],
  ['clockToleranceSeconds', { clockToleranceSeconds: -1 }],
  ['clockToleranceSeconds', { clockToleranceSeconds: Number.NaN }],
  ['clockToleranceSeconds', { clockToleranceSeconds: 86_401 }],
  ['randomBytes', { randomBytes: 32 }],
  ['sha256', { sha256: null }],
])('createLogin refuses an invalid %s: %j', (name, options) => {
  let error: unknown;
  try {
    createLogin({ ...valid, ...(options as object) });
  } catch (caught) {
    error = caught;
  }

  expect(error).toBeInstanceOf(TypeError);
  expect((error as TypeError).message).toContain(`\`${name}\``);
  expect((error as TypeError).message).not.toContain('secret');
});

test.each([
  { redirectUri: 'com.example.app://callback' },
  { redirectUri: 'com.example.app:/callback' },
  { redirectUri: 'http://localhost:3000/callback' },
  { redirectUri: 'http://127.0.0.1:3000/callback' },
  { redirectUri: 'http://[::1]:3000/callback' },
  { issuer: 'http://localhost:4000' },
  { issuer: 'https://id.example/realms/app' },
  { issuer: undefined, endpoint: 'https://my-project.authgear.cloud' },
  { allowedOrigins: ['https://api.example:8443', 'http://localhost:3000'] },
])('createLogin accepts %j', (options) => {
  expect(createLogin({ ...valid, ...options }).sessionState).toBe('UNKNOWN');
});

test('createLogin requires randomBytes and sha256 on a platform without WebCrypto', () => {
  vi.stubGlobal('crypto', undefined);
  onTestFinished(() => void vi.unstubAllGlobals());

  expect(() => createLogin(valid)).toThrow('`randomBytes`');
  const randomBytes = (length: number) => new Uint8Array(length);
  expect(() => createLogin({ ...valid, randomBytes })).toThrow('`sha256`');
  expect(createLogin({ ...valid, randomBytes, sha256: (bytes) => bytes }).sessionState).toBe('UNKNOWN');
});

test('createLogin requires sha256 on a page without https, which has only half of WebCrypto', () => {
  vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array) => bytes });
  onTestFinished(() => void vi.unstubAllGlobals());

  expect(() => createLogin(valid)).toThrow('`sha256`');
});

test('the sign-ins of a browser are kept in the sessionStorage of the tab, and in storage where there is none', async () => {
  const texts = new Map<string, string>();
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => texts.get(key) ?? null,
    setItem: (key: string, text: string) => texts.set(key, text),
    removeItem: (key: string) => texts.delete(key),
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  const metadata = { issuer: valid.issuer, authorization_endpoint: `${valid.issuer}/authorize` };
  const fetch = async () => Response.json(metadata);
  await createLogin({ ...valid, fetch }).authorize();
  expect([...texts.keys()]).toEqual([expect.stringMatching(/^valetkey\.login\.[\w.-]+\.pending$/)]);

  vi.stubGlobal('sessionStorage', undefined);
  const storage = memoryStorage();
  await createLogin({ ...valid, storage, fetch }).authorize();
  expect(await storage.read([...texts.keys()][0] ?? '')).not.toBeNull();
});
