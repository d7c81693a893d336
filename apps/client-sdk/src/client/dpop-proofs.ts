import type { CreateDpopProof } from './dpop.ts';

/** A key pair of the Web Crypto API, described without the types of a browser, which a server lacks. */
export interface DpopKeyPair {
  readonly publicKey: DpopKey;
  readonly privateKey: DpopKey;
}

type NativeKey = Parameters<typeof crypto.subtle.sign>[1];

interface DpopKey {
  readonly algorithm: { readonly name: string };
}

/**
 * Returns the function for the option `dpop` that signs proofs with a key pair of the Web Crypto API, with ES256. The private key
 * need not be extractable.
 *
 * Throws a `TypeError` unless the key pair is one of ECDSA with the curve P-256.
 *
 * @example
 * ```ts
 * import { createValetClient, dpopProofs } from '@valetkey/client-sdk';
 *
 * // The key pair with which the app signed in, for example from IndexedDB.
 * const dpop = dpopProofs(keyPair);
 * const valet = createValetClient({ brokerUrl: 'https://valet.example.com', getAppToken, dpop });
 * ```
 */
export function dpopProofs({ publicKey, privateKey }: DpopKeyPair): CreateDpopProof {
  for (const key of [publicKey, privateKey]) {
    const { name, namedCurve } = (key?.algorithm ?? {}) as { name?: string; namedCurve?: string };
    if (name !== 'ECDSA' || namedCurve !== 'P-256') {
      throw new TypeError('dpopProofs: the key pair must be one of ECDSA with the curve P-256.');
    }
  }
  const { subtle } = crypto;
  let header: Promise<string> | undefined;
  const createHeader = async () => {
    const { kty, crv, x, y } = await subtle.exportKey('jwk', publicKey as NativeKey);
    return encodeText({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } });
  };
  return async ({ method, url, accessToken, nonce, issuedAtSeconds }) => {
    const hash = await subtle.digest('SHA-256', new TextEncoder().encode(accessToken));
    const claims = encodeText({
      jti: encodeBytes(crypto.getRandomValues(new Uint8Array(16))),
      htm: method,
      htu: url,
      iat: issuedAtSeconds,
      ath: encodeBytes(new Uint8Array(hash)),
      nonce,
    });
    const input = `${await (header ??= createHeader())}.${claims}`;
    const bytes = new TextEncoder().encode(input);
    const signature = await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey as NativeKey, bytes);
    return `${input}.${encodeBytes(new Uint8Array(signature))}`;
  };
}

function encodeText(value: object): string {
  return encodeBytes(new TextEncoder().encode(JSON.stringify(value)));
}

/** Returns bytes in base64url. */
function encodeBytes(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=/g, '');
}
