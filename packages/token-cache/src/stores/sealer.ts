import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Secret } from '@valetkey/core-types';
import type { SealingKey } from './sealing-keys.ts';

/**
 * Seals text for a place, such as a record id. Only a sealer with the same key can open it, and only for the same
 * place.
 */
export interface Sealer {
  /** Returns a name for this text, from which the text cannot be read. */
  readonly hash: (text: string) => string;
  readonly seal: (plain: string, place: string) => string;
  /** Returns the text. Returns `undefined` if `sealed` was not sealed for this place with one of the keys. */
  readonly open: (sealed: string, place: string) => string | undefined;
}

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Creates a sealer: AES-256-GCM (NIST SP 800-38D) under keys derived by HKDF (RFC 5869). The first key seals; every key
 * opens. Names are hashed with the key whose id sorts first, so a new order of the keys does not change the names.
 * Throws a `TypeError` if there are no keys.
 */
export function createSealer(keys: readonly SealingKey[]): Sealer {
  const [first] = keys;
  if (first === undefined) throw new TypeError('A sealer needs at least one key.');
  const openingKeys = new Map(keys.map(({ id, secret }) => [id, deriveKey(secret, 'seal')]));
  const sealingKey = deriveKey(first.secret, 'seal');
  const firstById = keys.reduce((least, key) => (key.id < least.id ? key : least));
  const hashingKey = deriveKey(firstById.secret, 'hash');

  return {
    hash: (text) => createHmac('sha256', hashingKey).update(text).digest('base64url'),
    seal: (plain, place) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, sealingKey, nonce);
      cipher.setAAD(associatedData(first.id, place));
      const body = [nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return `v1.${first.id}.${Buffer.concat(body).toString('base64url')}`;
    },
    open: (sealed, place) => {
      const [version, keyId = '', text = '', ...rest] = sealed.split('.', 4);
      const key = openingKeys.get(keyId);
      const body = Buffer.from(text, 'base64url');
      if (version !== 'v1' || key === undefined || rest.length > 0 || body.length < nonceBytes + tagBytes)
        return undefined;
      const decipher = createDecipheriv(algorithm, key, body.subarray(0, nonceBytes), { authTagLength: tagBytes });
      decipher.setAAD(associatedData(keyId, place));
      decipher.setAuthTag(body.subarray(-tagBytes));
      try {
        return decipher.update(body.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
      } catch {
        // Another program sealed this text, or it was sealed for another place.
        return undefined;
      }
    },
  };
}

function deriveKey(secret: Secret, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret.reveal(), '', `valetkey token-cache ${purpose} v1`, 32));
}

function associatedData(keyId: string, place: string): Buffer {
  return Buffer.from(`v1.${keyId}.${place}`);
}
