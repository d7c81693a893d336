import { Secret } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createSealer, type SealingKey } from './sealing.ts';

const key = (id: string, letter: string): SealingKey => ({
  id,
  secret: new Secret(`sandbox-only-${letter.repeat(32)}`),
});
const [a, b] = [key('a', 'x'), key('b', 'y')];
const place = 'valetkey:{hash}:token';

test('opens what it sealed, at the place it was made for', () => {
  const sealer = createSealer([a]);
  for (const plain of ['', 'token', 'ünïcödé 🗝', 'x'.repeat(100_000)]) {
    const sealed = sealer.seal(plain, place);
    expect(sealer.open(sealed, place)).toBe(plain);
    expect(sealer.open(sealed, `${place}2`)).toBeUndefined();
  }
});

test('says nothing of what is inside', () => {
  const sealer = createSealer([a]);
  const sealed = sealer.seal('canary', place);
  expect(sealed).toMatch(/^v1\.a\.[\w-]+$/);
  expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1')).not.toContain('canary');
  expect(sealer.seal('canary', place)).not.toBe(sealed);
});

test('each changed character spoils it', () => {
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
])('takes %j for nothing', (foreign) => {
  expect(createSealer([a]).open(foreign, place)).toBeUndefined();
});

test('takes nothing with a tail, a wrong version or a key that it does not know', () => {
  const sealer = createSealer([a]);
  const sealed = sealer.seal('token', place);
  expect(sealer.open(`${sealed}.more`, place)).toBeUndefined();
  expect(sealer.open(sealed.replace('v1', 'v2'), place)).toBeUndefined();
  expect(sealer.open(sealed.replace('.a.', '.b.'), place)).toBeUndefined();
  expect(createSealer([a, b]).open(sealed.replace('.a.', '.b.'), place)).toBeUndefined();
});

test('keys rotate with both live: the first seals, each opens, and names stay the same', () => {
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

test('two keys with one id are two keys all the same', () => {
  const sealed = createSealer([key('a', 'x')]).seal('token', place);
  expect(createSealer([key('a', 'z')]).open(sealed, place)).toBeUndefined();
});

test('names tell nothing, and are the same for the same text alone', () => {
  const sealer = createSealer([a]);
  expect(sealer.hash('scope')).toMatch(/^[\w-]{43}$/);
  expect(sealer.hash('scope')).toBe(createSealer([a]).hash('scope'));
  expect(sealer.hash('scope')).not.toBe(sealer.hash('scope2'));
  expect(sealer.hash('scope')).not.toBe(createSealer([b]).hash('scope'));
});

test('is the AES-256-GCM of its description: another implementation opens it', async () => {
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
