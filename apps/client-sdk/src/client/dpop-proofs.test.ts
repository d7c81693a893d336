import { createHash, createPublicKey, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { dpopProofs } from './dpop-proofs.ts';
import type { DpopRequest } from './dpop.ts';

const curve = { name: 'ECDSA', namedCurve: 'P-256' };
const request: DpopRequest = {
  method: 'POST',
  url: 'https://broker.example/v1/vendors/nymbl/proxy/Patienten/Müller',
  accessToken: 'app-token',
  nonce: undefined,
  issuedAtSeconds: 1_790_000_000,
};

const readPart = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;

async function createProof(changes: Partial<DpopRequest> = {}) {
  const keyPair = await crypto.subtle.generateKey(curve, false, ['sign', 'verify']);
  const proof = await dpopProofs(keyPair)({ ...request, ...changes });
  const [header, claims, signature] = proof.split('.');
  return { header: readPart(header), claims: readPart(claims), input: `${header}.${claims}`, signature };
}

test('a proof has the members of RFC 9449 section 4.2, and the public key alone', async () => {
  const { header, claims } = await createProof();
  const text = expect.stringMatching(/^[\w-]{43}$/) as string;
  expect(header).toEqual({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty: 'EC', crv: 'P-256', x: text, y: text } });
  expect(claims).toEqual({
    jti: expect.stringMatching(/^[\w-]{22}$/) as string,
    htm: 'POST',
    htu: request.url,
    iat: 1_790_000_000,
    ath: createHash('sha256').update('app-token').digest('base64url'),
  });
});

test('node:crypto verifies the signature of a proof with the key in its header', async () => {
  const { header, input, signature = '' } = await createProof();
  const key = createPublicKey({ key: header['jwk'] as never, format: 'jwk' });
  const bytes = Buffer.from(signature, 'base64url');
  expect(verify('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, bytes)).toBe(true);
});

test('a proof contains the nonce of the request', async () => {
  expect((await createProof({ nonce: 'nonce-1' })).claims).toMatchObject({ nonce: 'nonce-1' });
});

test('proofs of one key have the same header and different values of jti', async () => {
  const create = dpopProofs(await crypto.subtle.generateKey(curve, false, ['sign', 'verify']));
  const proofs = await Promise.all(Array.from({ length: 100 }, () => create(request)));
  expect(new Set(proofs.map((proof) => proof.split('.')[0])).size).toBe(1);
  expect(new Set(proofs.map((proof) => readPart(proof.split('.')[1])['jti'])).size).toBe(100);
});

test('dpopProofs throws a TypeError for a key pair of another curve, and for a value without keys', async () => {
  const other = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign', 'verify']);
  expect(() => dpopProofs(other)).toThrow(TypeError);
  expect(() => dpopProofs({} as never)).toThrow(TypeError);
});
