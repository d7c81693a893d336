import { Secret, type IssuerOptions } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createSigningKey } from '../testing/signing.ts';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import { parseIssuers, type JwtVerifierOptions } from './verifier-options.ts';

const issuer = { issuer: 'https://id.example.com', audiences: ['api'] };
const introspection = { endpoint: 'https://id.example.com/introspect', clientId: 'c', clientSecret: 'canary-secret' };
const { jwk } = createSigningKey('k1');

test.each<[string, readonly object[], RegExp]>([
  ['an empty list', [], /^issuers: /],
  ['the algorithm none', [{ ...issuer, algorithms: ['none'] }], /^issuers\.0\.algorithms\.0: /],
  ['a symmetric algorithm', [{ ...issuer, algorithms: ['RS256', 'HS256'] }], /^issuers\.0\.algorithms\.1: /],
  ['an issuer without audiences', [{ issuer: issuer.issuer }], /^issuers\.0\.audiences: is missing$/],
  ['an issuer over plain http', [{ ...issuer, issuer: 'http://id.example.com' }], /^issuers\.0\.issuer: .*https/],
  [
    'one issuer twice',
    [issuer, { ...issuer, audiences: ['b'] }],
    /^issuers: each issuer may have only one record, also under its other forms and as a tenant; put all its audiences into that record$/,
  ],
  [
    'two issuers that look up opaque tokens',
    [
      { ...issuer, introspection },
      { ...issuer, issuer: 'https://b.example.com', resolver: { endpoint: 'https://b.example.com' } },
    ],
    /^issuers: only one issuer may have introspection or a resolver$/,
  ],
  [
    'jwks together with jwksUri',
    [{ ...issuer, jwks: { keys: [jwk] }, jwksUri: issuer.issuer }],
    /^issuers\.0\.jwks: cannot be combined with jwksUri$/,
  ],
  [
    'a static key that is not for signatures',
    [{ ...issuer, jwks: { keys: [{ ...jwk, use: 'enc' }] } }],
    /^issuers\.0\.jwks: has keys that cannot be used \(not_for_signatures\)$/,
  ],
  [
    'two static keys with problems',
    [{ ...issuer, jwks: { keys: [{ ...jwk, use: 'enc' }, { ...jwk, d: 'AA' }, jwk] } }],
    /^issuers\.0\.jwks: has keys that cannot be used \(not_for_signatures, private_key\)$/,
  ],
  ['101 static keys', [{ ...issuer, jwks: { keys: Array(101).fill(jwk) } }], /^issuers\.0\.jwks: .*\(too_many_keys\)$/],
])('createJwtVerifier and parseIssuers refuse %s with the same message', (_, issuers, message) => {
  for (const parse of [createJwtVerifierOf, parseIssuers]) {
    expect(() => parse(issuers as IssuerOptions[])).toThrow(TypeError);
    expect(() => parse(issuers as IssuerOptions[])).toThrow(message);
  }
});

function createJwtVerifierOf(issuers: readonly IssuerOptions[]): unknown {
  return createJwtVerifier({ issuers });
}

test('parseIssuers returns issuers with their defaults, which createJwtVerifier accepts again', () => {
  const issuers = parseIssuers([
    { ...issuer, introspection },
    { ...issuer, issuer: 'https://b.example.com' },
  ]);
  expect(issuers).toMatchObject([
    { issuer: 'https://id.example.com', tokenType: 'access', introspection: { cacheSeconds: 10 } },
    { issuer: 'https://b.example.com', keysSoftTtlSeconds: 600 },
  ]);
  expect(createJwtVerifier({ issuers: issuers as never }).status()).toHaveLength(2);
});

test.each<[string, object, RegExp]>([
  ['an unknown option', { audience: 'x' }, /^audience: is not a known field$/],
  ['a fetch that is not a function', { fetch: 'x' }, /^fetch: must be a function$/],
  [
    'a fetchByIssuer for an issuer without a record',
    { fetchByIssuer: new Map([['https://canary.example.com', fetch]]) },
    /^fetchByIssuer: names an issuer that has no record$/,
  ],
  [
    'a fetchByIssuer that is not a function',
    { fetchByIssuer: new Map([[issuer.issuer, 'x']]) },
    /^fetchByIssuer[^:]*: must be a function$/,
  ],
  ['a random that is not a function', { random: 0.5 }, /^random: must be a function$/],
  ['an onEvent that is not a function', { onEvent: {} }, /^onEvent: must be a function$/],
  ['a clock without monotonicMs', { clock: { nowMs: () => 0 } }, /^clock: must have nowMs and monotonicMs$/],
  ['a clock without nowMs', { clock: { monotonicMs: () => 0 } }, /^clock: must have nowMs and monotonicMs$/],
  ['a maxEntries of 0', { cache: { maxEntries: 0 } }, /^cache\.maxEntries: /],
  ['a replay store without add', { replayStore: {} }, /^replayStore: must have add$/],
  ['a dpopNonceKey of 31 bytes', { dpopNonceKey: new Uint8Array(31) }, /^dpopNonceKey: must have at least 32 bytes$/],
  ['a fetchTimeoutMs of 0', { fetchTimeoutMs: 0 }, /^fetchTimeoutMs: /],
  ['a fetchTimeoutMs of NaN', { fetchTimeoutMs: NaN }, /^fetchTimeoutMs: /],
  ['a maxTokenLength with a fraction', { maxTokenLength: 1000.5 }, /^maxTokenLength: /],
])('createJwtVerifier refuses %s', (_, options, message) => {
  const create = () => createJwtVerifier({ issuers: [issuer], ...options } as JwtVerifierOptions);
  expect(create).toThrow(TypeError);
  expect(create).toThrow(message);
});

test('createJwtVerifier names every mistake in one error', () => {
  const options = { issuers: [{ issuer: issuer.issuer }], maxRevocations: 0, fetchMaxBytes: 0 };
  expect(() => createJwtVerifier(options as never)).toThrow(/issuers\.0\.audiences: .*; fetchMaxBytes: .*; maxRevoca/);
});

test('createJwtVerifier names the field of a mistake, and never its value', () => {
  const options = { issuers: [{ ...issuer, introspection: { ...introspection, clientSecret: 'canary secret' } }] };
  expect(() => createJwtVerifier(options)).toThrow(/clientSecret/);
  expect(() => createJwtVerifier(options)).not.toThrow(/canary/);
});

test('createJwtVerifier accepts every option', () => {
  const verifier = createJwtVerifier({
    issuers: [{ ...issuer, introspection: { ...introspection, clientSecret: new Secret('s') as never } }],
    fetch: globalThis.fetch,
    fetchByIssuer: new Map([[issuer.issuer, globalThis.fetch]]),
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
