import { isObject } from '../checks/is-object.ts';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Decodes base64 and base64url. Returns undefined for any other text. React Native has no such function on each engine. */
export function decodeBase64(text: string): string | undefined {
  const digits = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/');
  let bytes = '';
  let bits = 0;
  let bitCount = 0;
  for (const digit of digits) {
    const value = alphabet.indexOf(digit);
    if (value < 0) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    bytes += String.fromCharCode((bits >> bitCount) & 0xff);
  }
  return bytes;
}

/** Returns the object in a JSON text, or undefined. */
export function parseObject(json: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json ?? '');
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the claims of a JWT without a check of its signature, or undefined. */
export function claimsOf(jwt: unknown): Record<string, unknown> | undefined {
  if (typeof jwt !== 'string') return undefined;
  const [, payload, signature, ...more] = jwt.split('.');
  if (payload === undefined || signature === undefined || more.length > 0) return undefined;
  return parseObject(decodeBase64(payload));
}
