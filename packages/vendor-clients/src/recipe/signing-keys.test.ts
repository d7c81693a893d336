import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { privateKeyTypes } from './field-schemas.ts';
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

const privateKeys = {
  'rsa-private-key': generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  'p256-private-key': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'p384-private-key': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'ed25519-private-key': generateKeyPairSync('ed25519'),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  secp256k1: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
  ed448: generateKeyPairSync('ed448'),
};

test.each(privateKeyTypes)('a secret of the type %s is a key of this kind alone', (type) => {
  const { schema } = declareSecret({ type, description });
  const accepted = Object.entries(privateKeys).filter(
    ([, { privateKey }]) => schema.safeParse(privateKey.export({ type: 'pkcs8', format: 'pem' })).success,
  );
  expect(accepted.map(([kind]) => kind)).toEqual([type]);
});
