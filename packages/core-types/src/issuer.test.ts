import { expect, test } from 'vitest';
import { issuerSchema } from './issuer.ts';

const issuer = { issuer: 'https://id.example.com', audiences: ['api'] };

test('fills in the strict defaults', () => {
  expect(issuerSchema.parse(issuer)).toEqual({
    ...issuer,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    tokenType: 'access',
    clockToleranceSeconds: 5,
    maxLifetimeSeconds: 86_400,
    keysSoftTtlSeconds: 600,
    keysStaleSeconds: 86_400,
  });
});

test.each([
  ['no audiences', { issuer: issuer.issuer }],
  ['an empty list of audiences', { ...issuer, audiences: [] }],
  ['the algorithm none', { ...issuer, algorithms: ['none'] }],
  ['a symmetric algorithm', { ...issuer, algorithms: ['HS256'] }],
  ['plain http', { ...issuer, issuer: 'http://id.example.com' }],
  ['credentials in the URL', { ...issuer, issuer: 'https://user:password@id.example.com' }],
  ['a tolerance over a minute', { ...issuer, clockToleranceSeconds: 61 }],
  ['an unknown field', { ...issuer, audience: 'api' }],
])('refuses %s', (_, options) => {
  expect(issuerSchema.safeParse(options).success).toBe(false);
});

test('takes plain http from loopback hosts, and null for a check left out', () => {
  expect(issuerSchema.safeParse({ issuer: 'http://127.0.0.1:8790/idp', audiences: null }).success).toBe(true);
});
