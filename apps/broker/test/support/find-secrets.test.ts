import { expect, test } from 'vitest';
import { findSecrets } from './find-secrets.ts';

test.each([
  ['plain', (secret: string) => `x${secret}y`],
  ['json', (secret: string) => JSON.stringify({ field: secret })],
  ['percent', (secret: string) => `x${encodeURIComponent(secret)}y`],
  ['hex', (secret: string) => Buffer.from(secret).toString('hex')],
  ['reversed', (secret: string) => [...secret].toReversed().join('')],
  ['base64+0', (secret: string) => Buffer.from(`${secret}abc`).toString('base64')],
  ['base64+1', (secret: string) => Buffer.from(`a${secret}bcd`).toString('base64')],
  ['base64+2', (secret: string) => Buffer.from(`ab${secret}c`).toString('base64')],
  ['base64url+0', (secret: string) => Buffer.from(`${secret}abc`).toString('base64url')],
  ['base64url+1', (secret: string) => Buffer.from(`a${secret}bcd`).toString('base64url')],
  ['base64url+2', (secret: string) => Buffer.from(`ab${secret}c`).toString('base64url')],
])('findSecrets finds a secret in the form %s, in text and in bytes', (form, encode) => {
  // Its JSON has an escape, and each of its base64 forms has characters that differ in base64url.
  const secret = 'canary"~?>~~?>~>?12';
  expect(findSecrets({ secret }, { page: encode(secret), file: Buffer.from(`\0${encode(secret)}\0`) })).toEqual([
    `secret (${form}) in page`,
    `secret (${form}) in file`,
  ]);
});
