import { createPublicKey, type JsonWebKey } from 'node:crypto';
import type { SignatureAlgorithm } from '@valetkey/core-types';
import { describe, expect, test } from 'vitest';
import { verifySignature } from '../signatures/verify-signature.ts';
import { readVectors } from '../testing/vectors.ts';
import { verifyJws } from '../testing/verify-jws.ts';

interface JwsGroup {
  readonly comment: string;
  readonly public?: Record<string, unknown>;
  readonly private?: Record<string, unknown>;
  readonly tests: readonly { tcId: number; comment: string; jws?: string; result: string; flags: string[] }[];
}

interface RawGroup {
  readonly publicKeyPem: string;
  readonly publicKeyJwk?: JsonWebKey;
  readonly tests: readonly { tcId: number; msg: string; sig: string; result: string }[];
}

/**
 * Vectors with the label `valid` that this package refuses on purpose. Groups without a public key are not listed: this
 * package has no HS algorithm, and must refuse every vector of such a group.
 */
const refusedOnPurpose = new Map<string, string>([
  // The payload is empty, and a JWT needs claims.
  ...[259, 264, 268, 272, 320, 325].map((id) => [`json_web_signature_test ${id}`, 'empty payload'] as const),
  // The key names another algorithm than the header: a key is used only with its own algorithm.
  ...[346, 347, 350, 351].map((id) => [`json_web_signature_test ${id}`, 'alg of the key'] as const),
]);

describe.each(['json_web_signature_test', 'json_web_key_test', 'json_web_crypto_test'])('%s', (file) => {
  const { testGroups } = readVectors<{ testGroups: JwsGroup[] }>(`wycheproof/${file}.json`);
  const cases = testGroups.flatMap(({ comment: group, public: key, private: secret, tests }) =>
    tests
      .filter(({ jws }) => jws !== undefined)
      .map(({ tcId, comment, jws = '', result }) => {
        const keys = key ?? secret ?? {};
        const jwks = Array.isArray(keys['keys']) ? keys : { keys: [keys] };
        const valid = result === 'valid' && key !== undefined && !refusedOnPurpose.has(`${file} ${tcId}`);
        return { tcId, name: `${tcId} ${group}: ${comment}`, jws, jwks, valid };
      }),
  );

  test(`${file} has more than 20 cases`, () => {
    expect(cases.length).toBeGreaterThan(20);
  });

  test(`verifyJws accepts the valid cases of ${file}, and no others`, async () => {
    const wrong = await Promise.all(
      cases.map(async ({ name, jws, jwks, valid }) => ((await verifyJws(jws, jwks)) === valid ? [] : [name])),
    );
    expect(wrong.flat()).toEqual([]);
  });
});

describe.each<[string, SignatureAlgorithm]>([
  ['ecdsa_secp256r1_sha256_p1363_test', 'ES256'],
  ['ecdsa_secp384r1_sha384_p1363_test', 'ES384'],
  ['ecdsa_secp521r1_sha512_p1363_test', 'ES512'],
  ['ed25519_test', 'EdDSA'],
  ['rsa_signature_2048_sha256_test', 'RS256'],
  ['rsa_signature_3072_sha256_test', 'RS256'],
  ['rsa_pss_2048_sha256_mgf1_32_test', 'PS256'],
])('%s', (file, algorithm) => {
  test(`verifySignature accepts the valid cases of ${file}, and no others`, async () => {
    const { testGroups } = readVectors<{ testGroups: RawGroup[] }>(`wycheproof/${file}.json`);
    const wrong = await Promise.all(
      testGroups.flatMap(({ publicKeyPem, tests }) => {
        const key = createPublicKey(publicKeyPem);
        return tests.map(async ({ tcId, msg, sig, result }) => {
          const valid = await verifySignature(algorithm, key, Buffer.from(sig, 'hex'), Buffer.from(msg, 'hex'));
          // The label `acceptable` leaves the outcome to the verifier. It marks a missing NULL in PKCS #1 v1.5.
          return result === 'acceptable' || valid === (result === 'valid') ? [] : [tcId];
        });
      }),
    );
    expect(wrong.flat()).toEqual([]);
  });
});
