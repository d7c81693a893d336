import { generateKeyPairSync } from 'node:crypto';
import type { VendorDefinition } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { versionsOf } from './config-version.ts';
import { parseConfig } from './parse-config.ts';

const fields = {
  issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }],
  vendors: { nudge: { apiKey: 'key-one' }, nabla: { serverKey: 'key-two' } },
};
const versions = (changes: object = {}) => versionsOf(parseConfig({ ...fields, ...changes }));

test('equal configurations have equal versions, whatever the order of their fields', async () => {
  const { vendors, issuers } = fields;
  const { nudge, nabla } = vendors;
  const { version, secretsVersion } = await versions();
  expect({ version, secretsVersion }).toEqual({
    version: expect.stringMatching(/^[0-9a-f]{12}$/),
    secretsVersion: expect.stringMatching(/^[0-9a-f]{12}$/),
  });
  expect(await versionsOf(parseConfig({ vendors: { nudge, nabla }, issuers }))).toEqual({ version, secretsVersion });
});

test('a changed secret changes only the version of the secrets', async () => {
  const before = await versions();
  const after = await versions({ vendors: { ...fields.vendors, nudge: { apiKey: 'key-three' } } });
  expect(after.version).toBe(before.version);
  expect(after.secretsVersion).not.toBe(before.secretsVersion);
});

test('two secrets that change places change the version of the secrets', async () => {
  const before = await versions();
  const after = await versions({ vendors: { nudge: { apiKey: 'key-two' }, nabla: { serverKey: 'key-one' } } });
  expect(after.secretsVersion).not.toBe(before.secretsVersion);
});

test('a changed private key in PEM changes only the version of the secrets', async () => {
  const keyOf = () =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const configured = (privateKey: unknown) => versions({ vendors: { 'supabase-es256': { privateKey, keyId: 'one' } } });
  const [before, after] = [await configured(keyOf()), await configured(keyOf())];
  expect(after.version).toBe(before.version);
  expect(after.secretsVersion).not.toBe(before.secretsVersion);
});

test.each<[string, object]>([
  ['an issuer', { issuers: [{ issuer: 'https://id.example.com', audiences: ['other'] }] }],
  ['a policy', { vendors: { ...fields.vendors, nudge: { apiKey: 'key-one', requiredScopes: ['a'] } } }],
  [
    'the vendor of a connection',
    { vendors: { nudge: { vendor: 'nabla', serverKey: 'key-one' }, nabla: { serverKey: 'key-two' } } },
  ],
  [
    'a name of a connection',
    { vendors: { nudge: { apiKey: 'key-one' }, other: { vendor: 'nabla', serverKey: 'key-two' } } },
  ],
  ['a port', { listen: { port: 1234 } }],
])('a change of %s changes the version', async (_name, changes) => {
  const before = await versions();
  expect((await versions(changes)).version).not.toBe(before.version);
});

test('the options that an adapter parses to an address, or to what contains itself, have a version', async () => {
  const adapter: VendorDefinition = {
    id: 'acme',
    title: 'Acme',
    options: z.strictObject({
      url: z.string().transform((text) => {
        const parsed: Record<string, unknown> = { url: new URL(text) };
        return Object.assign(parsed, { parsed });
      }),
    }),
    credentials: [],
    create: () => ({ id: 'acme', close: async () => undefined }),
  };
  const of = (url: string) => versions({ adapters: [adapter], vendors: { acme: { url } } });
  expect((await of('https://a.example.com')).version).not.toBe((await of('https://b.example.com')).version);
});
