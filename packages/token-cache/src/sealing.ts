import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Secret } from '@valetkey/core-types';
import { z } from 'zod';

/** A key that tokens are sealed with before they leave the process. */
export interface SealingKey {
  /** Written beside each sealed value: 1 to 32 letters, digits, `-` or `_`. */
  readonly id: string;
  /** At least 32 characters, by chance: `openssl rand -base64 32`. */
  readonly secret: Secret;
}

/** Turns text into text that only the holders of the keys can read, and only at the place it was made for. */
export interface Sealer {
  /** A name for this text that tells nothing of it. */
  readonly hash: (text: string) => string;
  readonly seal: (plain: string, place: string) => string;
  /** `undefined` for whatever was not sealed for this place with one of the keys. */
  readonly open: (sealed: string, place: string) => string | undefined;
}

const sealingKeySchema = z.strictObject({
  id: z.string().regex(/^[\w-]{1,32}$/, { error: 'must be 1 to 32 letters, digits, - or _' }),
  secret: z.custom<Secret>(
    (value) => typeof Reflect.get(Object(value), 'reveal') === 'function' && (value as Secret).reveal().length >= 32,
    { error: 'must be a Secret of at least 32 characters' },
  ),
});

export const sealingKeysSchema = z
  .tuple([sealingKeySchema], sealingKeySchema)
  .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, { error: 'must have ids of their own' });

const nonceBytes = 12;
const tagBytes = 16;

const derive = (secret: Secret, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret.reveal(), '', `valetkey token-cache ${purpose} v1`, 32));

/**
 * AES-256-GCM (NIST SP 800-38D) under keys derived by HKDF (RFC 5869). The first key seals, every key opens. Names are
 * hashed under the key whose id sorts first, so that the order of the keys does not matter to them.
 */
export const createSealer = (keys: readonly [SealingKey, ...SealingKey[]]): Sealer => {
  const opening = new Map(keys.map(({ id, secret }) => [id, derive(secret, 'seal')]));
  const first = keys[0];
  const sealing = derive(first.secret, 'seal');
  const firstById = keys.reduce((least, key) => (key.id < least.id ? key : least), first);
  const hashing = derive(firstById.secret, 'hash');
  const associated = (keyId: string, place: string): Buffer => Buffer.from(`v1.${keyId}.${place}`);

  return {
    hash: (text) => createHmac('sha256', hashing).update(text).digest('base64url'),
    seal: (plain, place) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce);
      cipher.setAAD(associated(first.id, place));
      const body = [nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return `v1.${first.id}.${Buffer.concat(body).toString('base64url')}`;
    },
    open: (sealed, place) => {
      const [version, keyId = '', text = '', ...rest] = sealed.split('.', 4);
      const key = opening.get(keyId);
      const body = Buffer.from(text, 'base64url');
      if (version !== 'v1' || key === undefined || rest.length > 0 || body.length < nonceBytes + tagBytes)
        return undefined;
      const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, nonceBytes), { authTagLength: tagBytes });
      decipher.setAAD(associated(keyId, place));
      decipher.setAuthTag(body.subarray(-tagBytes));
      try {
        return decipher.update(body.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
      } catch {
        // Not sealed by us, or not for this place: to the reader it is as if nothing were there.
        return undefined;
      }
    },
  };
};
