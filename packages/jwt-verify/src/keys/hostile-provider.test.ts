import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServerResponse } from 'node:http';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';
import { refusalOf } from '../testing/harness.ts';
import { sendJson, startIdentityProvider, type IdentityProvider } from '../testing/identity-provider.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';

const key = createSigningKey('k1');
const gzipOf50MB = gzipSync(Buffer.alloc(50_000_000, ' '));
const weakKey = { kty: 'RSA', kid: 'weak', n: 'AQAB', e: 'AQ' };

/**
 * Returns the timeout of a fetch. If the timeout itself must end the fetch, it is long enough for a good response from a
 * busy machine; if another bound must end the fetch, the timeout is far longer.
 */
function fetchTimeoutMsFor(reason: string): number {
  return reason === 'timeout' ? 1000 : 10_000;
}

let provider: IdentityProvider;
/** A second provider, which must receive no request. */
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

/** Writes chunks while the client reads, up to `limit` bytes. */
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
    'sends a small body that decompresses to 50 MB',
    (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipOf50MB),
    'too_large',
  ],
  ['sends HTML', (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hi</h1>'), 'not_json'],
  ['sends an empty body', (response) => response.writeHead(200).end(), 'not_json'],
  ['sends 204', (response) => response.writeHead(204).end(), 'status_204'],
  ['sends 500', (response) => response.writeHead(500).end('{"keys":[]}'), 'status_500'],
  ['sends a truncated document', (response) => response.writeHead(200).end('{"keys":['), 'not_json'],
  ['sends a JSON array', (response) => sendJson(response, []), 'not_a_key_set'],
  ['sends an object without keys', (response) => sendJson(response, {}), 'not_a_key_set'],
  ['sends keys that are not an array', (response) => sendJson(response, { keys: {} }), 'not_a_key_set'],
  ['sends an empty key set', (response) => sendJson(response, { keys: [] }), 'no_usable_keys'],
  ['sends only weak keys', (response) => sendJson(response, { keys: [weakKey] }), 'no_usable_keys'],
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
    'redirects to a cloud metadata service',
    (response) => response.writeHead(301, { location: 'http://169.254.169.254/' }).end(),
    'redirect',
  ],
];

describe.each(hostile)('a provider that %s', (behavior, respond, reason) => {
  test(`a provider that ${behavior} is called twice at once and then once in 15 seconds, and known keys remain in use`, async () => {
    const clock = createVirtualClock();
    const verifier = createJwtVerifier({
      issuers: [{ issuer: provider.issuer, audiences: ['api'], jwksUri: `${provider.issuer}/jwks` }],
      clock,
      fetchTimeoutMs: fetchTimeoutMsFor(reason),
    });
    const now = clock.nowSeconds();
    const claims = { iss: provider.issuer, sub: 'alice', aud: 'api', iat: now, exp: now + 9000 };
    const token = (jti: string): string => signToken(key, { ...claims, jti });

    // With known keys, no valid token is refused.
    await verifier.warm();
    provider.respond = (_request, response) => respond(response);
    clock.advance(1_200_000);
    await Promise.all(Array.from({ length: 50 }, (_, index) => verifier.verify(token(`${index}`))));
    for (let index = 0; index < 50; index += 1) {
      await provider.idle();
      clock.advance(500);
      await expect(refusalOf(verifier, signToken(key, claims, { kid: `x${index}` }))).resolves.toMatch(
        `identity_unavailable ${reason}`,
      );
    }
    // The unknown kids arrive for 25 seconds.
    expect(provider.calls.length - 1).toBeLessThanOrEqual(3);
    expect(provider.maxConcurrentCalls()).toBe(1);
    expect(verifier.status()).toMatchObject([{ keys: 1, lastFailure: reason }]);
    expect(canary.calls).toEqual([]);
    // Three times the limit of 1 MiB, and what the sockets buffer.
    expect(bytesSent).toBeLessThan(25_000_000);
    verifier.close();
  });

  test(`callers without keys share one bounded fetch from a provider that ${behavior}`, async () => {
    const clock = createVirtualClock();
    provider.respond = (_request, response) => respond(response);
    const verifier = createJwtVerifier({
      issuers: [{ issuer: provider.issuer, audiences: ['api'], jwksUri: `${provider.issuer}/jwks` }],
      clock,
      fetchTimeoutMs: fetchTimeoutMsFor(reason),
    });
    const token = signToken(key, { iss: provider.issuer, sub: 'alice', aud: 'api', exp: clock.nowSeconds() + 900 });
    const refusals = await Promise.all(Array.from({ length: 100 }, () => refusalOf(verifier, token)));
    // Any reason but `timeout` means that the fetch ended before its timeout.
    expect(new Set(refusals)).toEqual(new Set([`identity_unavailable ${reason}`]));
    expect(provider.calls).toEqual(['/jwks']);
    expect(canary.calls).toEqual([]);
    expect(bytesSent).toBeLessThan(10_000_000);
    verifier.close();
  });
});

test('a token is verified with every key that has its kid if a provider publishes duplicate kids', async () => {
  const clock = createVirtualClock();
  const other = createSigningKey('k1');
  provider.keys = [other.jwk, key.jwk, key.jwk];
  const verifier = createJwtVerifier({ issuers: [{ issuer: provider.issuer, audiences: ['api'] }], clock });
  const claims = { iss: provider.issuer, sub: 'alice', aud: 'api', exp: clock.nowSeconds() + 900 };
  await expect(refusalOf(verifier, signToken(key, claims))).resolves.toBeUndefined();
  await expect(refusalOf(verifier, signToken(other, claims))).resolves.toBeUndefined();
  await expect(refusalOf(verifier, signToken(createSigningKey('k1'), claims))).resolves.toContain('wrong_signature');
});
