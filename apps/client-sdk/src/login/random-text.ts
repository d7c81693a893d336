import { ValetError } from '../errors/valet-error.ts';
import type { Bytes, LoginOptions } from './login-types.ts';

export interface Cryptography {
  readonly randomBytes: NonNullable<LoginOptions['randomBytes']>;
  readonly sha256: NonNullable<LoginOptions['sha256']>;
}

/** Returns the cryptography of the platform, as far as it has one. */
export function platformCryptography(): Partial<Cryptography> {
  const { crypto } = globalThis as { crypto?: Partial<typeof globalThis.crypto> };
  // A page without https has `crypto`, but no `subtle`.
  const { subtle } = crypto ?? {};
  return {
    ...(crypto?.getRandomValues && {
      randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
    }),
    ...(subtle && { sha256: (bytes) => subtle.digest('SHA-256', bytes) }),
  };
}

/** The bytes of a secret, and of a SHA-256. RFC 7636 section 4.1 recommends 32 for a code verifier. */
const secretLength = 32;

/** Resolves with a secret that cannot be guessed, in characters that a URL may contain. */
export async function randomText({ randomBytes }: Pick<Cryptography, 'randomBytes'>): Promise<string> {
  return base64url(await bytesOf('randomBytes', () => randomBytes(secretLength)));
}

/** Resolves with the code challenge of a code verifier (RFC 7636 section 4.2, method `S256`). */
export async function challengeOf(verifier: string, { sha256 }: Pick<Cryptography, 'sha256'>): Promise<string> {
  return base64url(await bytesOf('sha256', () => sha256(new TextEncoder().encode(verifier))));
}

/** Runs a function of the app that returns 32 bytes. */
async function bytesOf(name: string, run: () => Bytes | Promise<Bytes>): Promise<Uint8Array> {
  let cause: unknown;
  try {
    const bytes = new Uint8Array(await run());
    if (bytes.length === secretLength) return bytes;
  } catch (error) {
    cause = error;
  }
  throw new ValetError('internal', `\`${name}\` of the login did not return ${secretLength} bytes.`, { cause });
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
