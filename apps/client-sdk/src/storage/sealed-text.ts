import { uniqueText } from './unique-text.ts';

/** The key that encrypts the texts of a database. Script can use it, but never read it. */
export interface SealingKey {
  readonly id: string;
  readonly key: CryptoKey;
}

/** A text that AES-GCM encrypts. */
export interface SealedText {
  readonly iv: Uint8Array<ArrayBuffer>;
  readonly sealed: ArrayBuffer;
}

const algorithm = 'AES-GCM';

export async function createSealingKey({ subtle }: Crypto): Promise<SealingKey> {
  const key = await subtle.generateKey({ name: algorithm, length: 256 }, false, ['encrypt', 'decrypt']);
  return { id: uniqueText(), key };
}

/** Encrypts a text. `place` must be the same when it is decrypted. */
export async function seal(crypto: Crypto, { key }: SealingKey, place: string, text: string): Promise<SealedText> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const additionalData = new TextEncoder().encode(place);
  const sealed = await crypto.subtle.encrypt(
    { name: algorithm, iv, additionalData },
    key,
    new TextEncoder().encode(text),
  );
  return { iv, sealed };
}

/** Resolves with the text, or with `''` if no key decrypts it any more. Rejects if the key cannot be used now. */
export async function unseal(
  { subtle }: Crypto,
  sealingKey: SealingKey | undefined,
  place: string,
  { iv, sealed }: SealedText,
): Promise<string> {
  if (sealingKey === undefined) return '';
  const additionalData = new TextEncoder().encode(place);
  try {
    return new TextDecoder().decode(
      await subtle.decrypt({ name: algorithm, iv, additionalData }, sealingKey.key, sealed),
    );
  } catch (error) {
    if ((error as Error).name === 'OperationError') return '';
    throw error;
  }
}
