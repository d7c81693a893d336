import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import type { JwtVerifierOptions } from './verifier-options.ts';
import { createSigningKey } from '../testing/signing.ts';

const issuer = { issuer: 'https://id.example.com', audiences: ['api'] };
const introspection = { endpoint: 'https://id.example.com/introspect', clientId: 'c', clientSecret: 'canary-secret' };
const { jwk } = createSigningKey('k1');

test.each<[string, object, RegExp]>([
  ['no issuers', { issuers: [] }, /issuers/],
  ['the algorithm none', { issuers: [{ ...issuer, algorithms: ['none'] }] }, /algorithms/],
  ['a symmetric algorithm', { issuers: [{ ...issuer, algorithms: ['RS256', 'HS256'] }] }, /algorithms/],
  ['audiences left out', { issuers: [{ issuer: issuer.issuer }] }, /audiences/],
  ['plain http', { issuers: [{ ...issuer, issuer: 'http://id.example.com' }] }, /https/],
  ['one issuer twice', { issuers: [issuer, { ...issuer, audiences: ['b'] }] }, /one record/],
  [
    'two places to look opaque tokens up',
    {
      issuers: [
        { ...issuer, introspection },
        { ...issuer, issuer: 'https://b.example.com', resolver: { endpoint: 'https://b.example.com' } },
      ],
    },
    /only one issuer/,
  ],
  [
    'both keys and a place for them',
    { issuers: [{ ...issuer, jwks: { keys: [jwk] }, jwksUri: issuer.issuer }] },
    /jwks/,
  ],
  ['a weak static key', { issuers: [{ ...issuer, jwks: { keys: [{ ...jwk, use: 'enc' }] } }] }, /not_for_signatures/],
  ['too many static keys', { issuers: [{ ...issuer, jwks: { keys: Array(101).fill(jwk) } }] }, /too_many_keys/],
  ['an unknown option', { issuers: [issuer], audience: 'x' }, /audience/],
  ['a fetch that is none', { issuers: [issuer], fetch: 'x' }, /fetch/],
  ['a random that is none', { issuers: [issuer], random: 0.5 }, /random/],
  ['an onEvent that is none', { issuers: [issuer], onEvent: {} }, /onEvent/],
  ['half a clock', { issuers: [issuer], clock: { nowMs: () => 0 } }, /monotonicMs/],
  ['the other half', { issuers: [issuer], clock: { monotonicMs: () => 0 } }, /nowMs/],
  ['a cache of nothing', { issuers: [issuer], cache: { maxEntries: 0 } }, /maxEntries/],
  ['a replay store that is none', { issuers: [issuer], replayStore: {} }, /replayStore/],
  ['a short nonce key', { issuers: [issuer], dpopNonceKey: new Uint8Array(31) }, /32 bytes/],
  ['a timeout of nothing', { issuers: [issuer], fetchTimeoutMs: 0 }, /fetchTimeoutMs/],
  ['a timeout of NaN', { issuers: [issuer], fetchTimeoutMs: NaN }, /fetchTimeoutMs/],
  ['half a token', { issuers: [issuer], maxTokenLength: 1000.5 }, /maxTokenLength/],
])('refuses %s when built', (_, options, message) => {
  expect(() => createJwtVerifier(options as JwtVerifierOptions)).toThrow(TypeError);
  expect(() => createJwtVerifier(options as JwtVerifierOptions)).toThrow(message);
});

test('names a mistake without its value', () => {
  const options = { issuers: [{ ...issuer, introspection: { ...introspection, clientSecret: 'canary secret' } }] };
  expect(() => createJwtVerifier(options)).toThrow(/clientSecret/);
  expect(() => createJwtVerifier(options)).not.toThrow(/canary/);
});

test('takes every option', () => {
  const verifier = createJwtVerifier({
    issuers: [{ ...issuer, introspection: { ...introspection, clientSecret: new Secret('s') as never } }],
    fetch: globalThis.fetch,
    clock: { nowMs: () => 0, monotonicMs: () => 0 },
    random: Math.random,
    onEvent: () => {},
    cache: null,
    maxTokenLength: 1000,
    fetchTimeoutMs: 100,
    fetchMaxBytes: 1000,
    replayStore: { add: () => true },
    dpopNonceKey: new Uint8Array(32),
    maxRevocations: 1,
  });
  expect(verifier.status()).toHaveLength(1);
});
