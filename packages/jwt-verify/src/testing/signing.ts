import { generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from 'node:crypto';

/** A key pair of a test's identity provider. */
export interface SigningKey {
  readonly algorithm: 'RS256' | 'PS256' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA';
  readonly id: string;
  readonly privateKey: KeyObject;
  /** The public key as the provider publishes it. */
  readonly jwk: JsonWebKey & { readonly kid: string };
}

const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

function generate(algorithm: SigningKey['algorithm']): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm === 'RS256' || algorithm === 'PS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: curves[algorithm] });
}

export function createSigningKey(id: string, algorithm: SigningKey['algorithm'] = 'ES256'): SigningKey {
  const { publicKey, privateKey } = generate(algorithm);
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: id, alg: algorithm, use: 'sig' };
  return { algorithm, id, privateKey, jwk };
}

export function encodeSegment(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** Signs any text, whether or not it is a meaningful token. */
export function signText(signingInput: string, { algorithm, privateKey }: SigningKey): string {
  const hash = algorithm === 'EdDSA' ? null : `sha${algorithm.slice(2)}`;
  const padding = algorithm === 'PS256' ? { padding: 6, saltLength: 32 } : {};
  const signature = sign(hash, Buffer.from(signingInput), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
    ...padding,
  });
  return `${signingInput}.${signature.toString('base64url')}`;
}

/** Returns a signed token. Header and claims may be given as text, to write what `JSON.stringify` never writes. */
export function signToken(
  key: SigningKey,
  claims: string | Readonly<Record<string, unknown>>,
  header: string | Readonly<Record<string, unknown>> = {},
): string {
  const headerText =
    typeof header === 'string' ? header : JSON.stringify({ alg: key.algorithm, kid: key.id, typ: 'at+jwt', ...header });
  const claimsText = typeof claims === 'string' ? claims : JSON.stringify(claims);
  return signText(`${encodeSegment(headerText)}.${encodeSegment(claimsText)}`, key);
}
