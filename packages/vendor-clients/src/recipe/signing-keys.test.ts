import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { declareSecret } from './signing-keys.ts';

const key16 = Buffer.alloc(16, 7).toString('base64');
const description = 'The key.';

test.each([
  ['a key of 16 bytes', key16, true],
  ['base64url', Buffer.alloc(32, 255).toString('base64url'), true],
  ['both slots', { current: key16, next: Buffer.alloc(64).toString('base64') }, true],
  ['signs that decode to no bytes', '!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!', false],
  ['a text with a space', 'a text that is no base64 at all', false],
  ['a shorter key', Buffer.alloc(15).toString('base64'), false],
  ['a next slot that is no base64', { current: key16, next: '{secret}{secret}{secret}{secret}' }, false],
])('a secret of the type base64 is %s: %s', (_what, value, expected) => {
  const { schema } = declareSecret({ type: 'base64', description });
  expect(schema.safeParse(value).success).toBe(expected);
});

test.each([
  ['P-256', true],
  ['P-384', true],
  ['P-521', false],
  ['secp256k1', false],
])('a private key of the curve %s is accepted: %s', (namedCurve, expected) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve });
  const { schema } = declareSecret({ type: 'ec-private-key', description });
  expect(schema.safeParse(privateKey.export({ type: 'pkcs8', format: 'pem' })).success).toBe(expected);
});
