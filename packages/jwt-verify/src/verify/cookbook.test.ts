import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readVectors } from '../testing/vectors.ts';
import { verifyJws } from '../testing/verify-jws.ts';

interface Example {
  readonly title: string;
  readonly input: { readonly key: Record<string, unknown>; readonly alg?: string };
  readonly output: { readonly compact?: string; readonly json?: unknown; readonly json_flat?: unknown };
}

function publicKey({ kty, crv, kid, use, n, e, x, y }: Record<string, unknown>): Record<string, unknown> {
  return { kty, crv, kid, use, n, e, x, y };
}

test.each(['jws_4_1.rsa_v15_signature', 'jws_4_2.rsa-pss_signature', 'jws_4_3.ecdsa_signature', 'curve25519_jws'])(
  'verifyJws accepts the compact serialization of %s, and refuses it if one character is changed',
  async (name) => {
    const { input, output } = readVectors<Example>(`jose-cookbook/${name}.json`);
    const jwks = { keys: [publicKey(input.key)] };
    const compact = output.compact ?? '';
    await expect(verifyJws(compact, jwks)).resolves.toBe(true);
    for (let index = 0; index < compact.length; index += 7) {
      const other = compact[index] === 'A' ? 'B' : 'A';
      await expect(verifyJws(compact.slice(0, index) + other + compact.slice(index + 1), jwks)).resolves.toBe(false);
    }
  },
);

test('verifyJws accepts the signed token in the nested example of RFC 7520', async () => {
  const { sign } = readVectors<{ sign: Example }>('jose-cookbook/6.nesting_signatures_and_encryption.json');
  await expect(verifyJws(sign.output.compact ?? '', { keys: [publicKey(sign.input.key)] })).resolves.toBe(true);
});

const unsupportedExamples = readdirSync(new URL('../__fixtures__/vectors/jose-cookbook/', import.meta.url)).filter(
  (name) => /^(jws_4_[4-8]|rfc7797).*\.json$/.test(name),
);

test.each(unsupportedExamples)(
  'verifyJws refuses %s in every serialization: HMAC, detached, JSON or unencoded payload is unsupported',
  async (name) => {
    const { input, output } = readVectors<Example>(`jose-cookbook/${name}`);
    const keys = [input.key].flat();
    for (const serialization of Object.values(output)) {
      const text = typeof serialization === 'string' ? serialization : JSON.stringify(serialization);
      await expect(verifyJws(text, { keys: [...keys, ...keys.map(publicKey)] })).resolves.toBe(false);
    }
  },
);

test('the file pattern finds the seven unsupported examples of the cookbook', () => {
  expect(unsupportedExamples).toHaveLength(7);
});
