import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createSealer } from './sealer.ts';
import type { SealingKey } from './sealing-keys.ts';

function sealingKey(id: string, letter: string): SealingKey {
  return { id, secret: new Secret(`sandbox-only-${letter.repeat(32)}`) };
}

const [a, b] = [sealingKey('a', 'x'), sealingKey('b', 'y')];
const place = 'valetkey:{hash}:token';

test('a sealer opens the text that it sealed, but not for another place', () => {
  const sealer = createSealer([a]);
  for (const plain of ['', 'token', 'ünïcödé 🗝', 'x'.repeat(100_000)]) {
    const sealed = sealer.seal(plain, place);
    expect(sealer.open(sealed, place)).toBe(plain);
    expect(sealer.open(sealed, `${place}2`)).toBeUndefined();
  }
});

test('sealed text does not contain its content, and is different each time', () => {
  const sealer = createSealer([a]);
  const sealed = sealer.seal('canary', place);
  expect(sealed).toMatch(/^v1\.a\.[\w-]+$/);
  expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1')).not.toContain('canary');
  expect(sealer.seal('canary', place)).not.toBe(sealed);
});

test('sealed text with one changed character does not open', () => {
  const sealer = createSealer([a]);
  const sealed = sealer.seal('token', place);
  for (let at = 0; at < sealed.length - 1; at += 1) {
    const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
    expect(sealer.open(changed, place), `changed at ${at}`).toBeUndefined();
  }
});

test.each([
  '',
  '.',
  '..',
  'v1',
  'v1.a',
  'v1.a.',
  'v1.a.AAAA',
  `v1.a.${'A'.repeat(37)}`,
  `v1.a.${'A'.repeat(38)}`,
  'v2.a.AAAA',
  'garbage',
  '\u0000',
])('a sealer does not open the foreign text %j', (foreign) => {
  expect(createSealer([a]).open(foreign, place)).toBeUndefined();
});

test('a sealer does not open sealed text with an added part, another version or another key id', () => {
  const sealer = createSealer([a]);
  const sealed = sealer.seal('token', place);
  expect(sealer.open(`${sealed}.more`, place)).toBeUndefined();
  expect(sealer.open(sealed.replace('v1', 'v2'), place)).toBeUndefined();
  expect(sealer.open(sealed.replace('.a.', '.b.'), place)).toBeUndefined();
  expect(createSealer([a, b]).open(sealed.replace('.a.', '.b.'), place)).toBeUndefined();
});

test('during a rotation of keys the first key seals, every key opens, and names stay the same until a key is removed', () => {
  const [before, during, after, later] = [
    createSealer([a]),
    createSealer([a, b]),
    createSealer([b, a]),
    createSealer([b]),
  ];
  const old = before.seal('old', place);
  const fresh = after.seal('new', place);
  expect(fresh).toMatch(/^v1\.b\./);
  expect([during.open(old, place), during.open(fresh, place)]).toEqual(['old', 'new']);
  expect([after.open(old, place), after.open(fresh, place)]).toEqual(['old', 'new']);
  expect([later.open(old, place), later.open(fresh, place)]).toEqual([undefined, 'new']);
  expect(during.hash('name')).toBe(before.hash('name'));
  expect(after.hash('name')).toBe(before.hash('name'));
  expect(later.hash('name')).not.toBe(before.hash('name'));
});

test('a key does not open what another key with the same id sealed', () => {
  const sealed = createSealer([sealingKey('a', 'x')]).seal('token', place);
  expect(createSealer([sealingKey('a', 'z')]).open(sealed, place)).toBeUndefined();
});

test('hash returns 43 characters, which are the same only for the same text and key', () => {
  const sealer = createSealer([a]);
  expect(sealer.hash('scope')).toMatch(/^[\w-]{43}$/);
  expect(sealer.hash('scope')).toBe(createSealer([a]).hash('scope'));
  expect(sealer.hash('scope')).not.toBe(sealer.hash('scope2'));
  expect(sealer.hash('scope')).not.toBe(createSealer([b]).hash('scope'));
});

test('a sealer cannot be created without keys', () => {
  expect(() => createSealer([])).toThrow(new TypeError('A sealer needs at least one key.'));
});

test('Web Crypto opens the text that a sealer sealed', async () => {
  const sealed = createSealer([a]).seal('token', place);
  const body = Buffer.from(sealed.split('.')[2] ?? '', 'base64url');
  const encode = (text: string) => new TextEncoder().encode(text);
  const material = await crypto.subtle.importKey('raw', encode(a.secret.reveal()), 'HKDF', false, ['deriveKey']);
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: encode(''), info: encode('valetkey token-cache seal v1') };
  const aes = await crypto.subtle.deriveKey(derivation, material, { name: 'AES-GCM', length: 256 }, false, ['decrypt']);
  const algorithm = { name: 'AES-GCM', iv: body.subarray(0, 12), additionalData: encode(`v1.a.${place}`) };
  const plain = await crypto.subtle.decrypt(algorithm, aes, body.subarray(12));
  expect(new TextDecoder().decode(plain)).toBe('token');
});
