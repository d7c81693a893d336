import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServerResponse } from 'node:http';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';
import { refusalOf } from '../testing/harness.ts';
import { sendJson, startIdentityProvider, type IdentityProvider } from '../testing/identity-provider.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';

const key = createSigningKey('k1');
const packed = gzipSync(Buffer.alloc(50_000_000, ' '));
const weak = { kty: 'RSA', kid: 'weak', n: 'AQAB', e: 'AQ' };

let provider: IdentityProvider;
let canary: IdentityProvider;
let bytesSent = 0;

beforeEach(async () => {
  provider = await startIdentityProvider([key.jwk]);
  canary = await startIdentityProvider([key.jwk]);
  bytesSent = 0;
});

afterEach(async () => {
  await provider[Symbol.asyncDispose]();
  await canary[Symbol.asyncDispose]();
});

/** Writes for as long as it is read. */
function flood(response: ServerResponse, chunk: Buffer, limit: number): void {
  const write = (): void => {
    while (!response.destroyed && bytesSent < limit) {
      bytesSent += chunk.length;
      if (!response.write(chunk)) {
        response.once('drain', write);
        return;
      }
    }
    response.end();
  };
  write();
}

const hostile: [string, (response: ServerResponse) => void, string][] = [
  ['hangs', () => {}, 'timeout'],
  [
    'drips',
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    },
    'timeout',
  ],
  ['sends 50 MB', (response) => flood(response.writeHead(200), Buffer.alloc(65_536, ' '), 50_000_000), 'too_large'],
  [
    'sends a little that unpacks to 50 MB',
    (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed),
    'too_large',
  ],
  ['sends HTML', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hi</h1>'), 'not_json'],
  ['sends nothing', (response) => response.writeHead(200).end(), 'not_json'],
  ['sends 204', (response) => response.writeHead(204).end(), 'status_204'],
  ['sends 500', (response) => response.writeHead(500).end('{"keys":[]}'), 'status_500'],
  ['sends half a document', (response) => response.writeHead(200).end('{"keys":['), 'not_json'],
  ['sends a list', (response) => sendJson(response, []), 'not_a_key_set'],
  ['sends no keys', (response) => sendJson(response, {}), 'not_a_key_set'],
  ['sends keys that are no list', (response) => sendJson(response, { keys: {} }), 'not_a_key_set'],
  ['sends an empty set', (response) => sendJson(response, { keys: [] }), 'no_usable_keys'],
  ['sends weak keys alone', (response) => sendJson(response, { keys: [weak] }), 'no_usable_keys'],
  ['sends too many keys', (response) => sendJson(response, { keys: Array(101).fill(key.jwk) }), 'not_a_key_set'],
  ['resets the connection', (response) => response.socket?.resetAndDestroy(), 'ECONNRESET'],
  ['closes the connection', (response) => response.socket?.destroy(), 'UND_ERR_SOCKET'],
  [
    'redirects to another host',
    (response) => response.writeHead(302, { location: `${canary.issuer}/jwks` }).end(),
    'redirect',
  ],
  ['redirects to itself', (response) => response.writeHead(307, { location: '/jwks' }).end(), 'redirect'],
  [
    'redirects to the metadata service of a cloud',
    (response) => response.writeHead(301, { location: 'http://169.254.169.254/' }).end(),
    'redirect',
  ],
];

describe.each(hostile)('a provider that %s', (_, answer, reason) => {
  test('is given up on within bounds, and asked no more than twice in 30 seconds', async () => {
    const clock = createVirtualClock();
    const verifier = createJwtVerifier({
      issuers: [{ issuer: provider.issuer, audiences: ['api'], jwksUri: `${provider.issuer}/jwks` }],
      clock,
      fetchTimeoutMs: reason === 'timeout' ? 150 : 10_000,
    });
    const now = clock.nowSeconds();
    const claims = { iss: provider.issuer, sub: 'alice', aud: 'api', iat: now, exp: now + 9000 };
    const token = (jti: string): string => signToken(key, { ...claims, jti });

    // With good keys at hand: nobody notices.
    await verifier.warm();
    provider.answer = (_request, response) => answer(response);
    clock.advance(1200);
    await Promise.all(Array.from({ length: 50 }, (_, index) => verifier.verify(token(`${index}`))));
    for (let index = 0; index < 50; index += 1) {
      clock.advance(0.5);
      await expect(refusalOf(verifier, signToken(key, claims, { kid: `x${index}` }))).resolves.toMatch(
        `identity_unavailable ${reason}`,
      );
    }
    expect(provider.calls.length - 1).toBeLessThanOrEqual(2);
    expect(provider.mostConcurrent()).toBe(1);
    expect(verifier.status()).toMatchObject([{ keys: 1, lastFailure: reason }]);
    expect(canary.calls).toEqual([]);
    expect(bytesSent).toBeLessThan(10_000_000);
    verifier.close();
  });

  test('at boot makes callers wait for one bounded fetch together', async () => {
    provider.answer = (_request, response) => answer(response);
    const verifier = createJwtVerifier({
      issuers: [{ issuer: provider.issuer, audiences: ['api'], jwksUri: `${provider.issuer}/jwks` }],
      fetchTimeoutMs: reason === 'timeout' ? 150 : 10_000,
    });
    const now = Date.now() / 1000;
    const token = signToken(key, { iss: provider.issuer, sub: 'alice', aud: 'api', exp: now + 900 });
    const startedAt = performance.now();
    const answers = await Promise.all(Array.from({ length: 100 }, () => refusalOf(verifier, token)));
    expect(new Set(answers)).toEqual(new Set([`identity_unavailable ${reason}`]));
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(provider.calls).toEqual(['/jwks']);
    verifier.close();
  });
});

test('duplicate kids: each key with the kid is tried', async () => {
  const other = createSigningKey('k1');
  provider.keys = [other.jwk, key.jwk, key.jwk];
  const verifier = createJwtVerifier({ issuers: [{ issuer: provider.issuer, audiences: ['api'] }] });
  const now = Date.now() / 1000;
  const claims = { iss: provider.issuer, sub: 'alice', aud: 'api', exp: now + 900 };
  await expect(refusalOf(verifier, signToken(key, claims))).resolves.toBeUndefined();
  await expect(refusalOf(verifier, signToken(other, claims))).resolves.toBeUndefined();
  await expect(refusalOf(verifier, signToken(createSigningKey('k1'), claims))).resolves.toContain('wrong_signature');
});
