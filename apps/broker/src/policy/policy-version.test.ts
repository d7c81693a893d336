import { expect, test } from 'vitest';
import { parseConfig } from '../config/parse-config.ts';
import { versionOfPolicies } from './policy-version.ts';

const issuer = 'https://id.example.com';
const nudge = { apiKey: 'canary-api-key' };
const rule = { require: { scope: 'rooms' } };
const policy = { rules: [rule] };

/** Returns the version of the rules of a configuration with these fields. */
function versionOf(connection: object, others: object = {}): string {
  const config = {
    issuers: [{ issuer, audiences: ['my-api'] }],
    vendors: { nudge: { ...nudge, ...connection } },
    ...others,
  };
  return versionOfPolicies(parseConfig(config));
}

test('the version is equal for equal rules, whatever the secrets are', () => {
  expect(versionOf({ policy })).toBe(versionOf({ policy, apiKey: 'another-key' }));
  expect(versionOf({})).toMatch(/^[\w-]{12}$/);
});

test('the version changes with the rules of a connection, of forward authentication, and with the source of a function', () => {
  const versions = [
    versionOf({}),
    versionOf({ policy }),
    versionOf({ policy: { rules: [{ ...rule, observe: true }] } }),
    versionOf({ requiredScopes: ['rooms'] }),
    versionOf({}, { forwardAuth: { policy } }),
    versionOf({ policy: { decide: async () => true } }),
    versionOf({ policy: { decide: async () => false } }),
  ];
  expect(new Set(versions).size).toBe(versions.length);
});
