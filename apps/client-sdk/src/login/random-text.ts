import type { LoginOptions } from './login-types.ts';

export interface Cryptography {
  readonly randomBytes: NonNullable<LoginOptions['randomBytes']>;
  readonly sha256: NonNullable<LoginOptions['sha256']>;
}

/** Returns the cryptography of the platform, as far as it has one. */
export function platformCryptography(): Partial<Cryptography> {
  const { crypto } = globalThis as { crypto?: Partial<Crypto> };
  return {
    ...(crypto?.getRandomValues && {
      randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
    }),
    // A page without https has `crypto`, but no `subtle`.
    ...(crypto?.subtle && { sha256: (bytes) => globalThis.crypto.subtle.digest('SHA-256', bytes) }),
  };
}

/** The bytes of a secret. RFC 7636 section 4.1 recommends 32 for a code verifier. */
const secretLength = 32;

/** Resolves with a secret that cannot be guessed, in characters that a URL may contain. */
export async function randomText({ randomBytes }: Pick<Cryptography, 'randomBytes'>): Promise<string> {
  const bytes = await randomBytes(secretLength);
  if (bytes?.length !== secretLength) {
    throw new TypeError(`createLogin: \`randomBytes\` must return a Uint8Array with ${secretLength} bytes.`);
  }
  return base64url(bytes);
}

/** Resolves with the code challenge of a code verifier (RFC 7636 section 4.2, method `S256`). */
export async function challengeOf(verifier: string, { sha256 }: Pick<Cryptography, 'sha256'>): Promise<string> {
  const hash = new Uint8Array(await sha256(new TextEncoder().encode(verifier)));
  if (hash.length !== 32) throw new TypeError('createLogin: `sha256` must return 32 bytes.');
  return base64url(hash);
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
