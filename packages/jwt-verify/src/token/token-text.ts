import { isUtf8 } from 'node:buffer';
import { refuse } from './refusals.ts';

const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Last characters that carry no bits beyond the last byte, by what is left over after groups of four. */
const canonicalEnds: Readonly<Record<number, string | undefined>> = { 2: 'AQgw', 3: 'AEIMQUYcgkosw048' };

/** The three segments of a compact JWS (RFC 7515, section 7.1), still encoded. */
export interface Segments {
  readonly header: string;
  readonly claims: string;
  readonly signature: string;
  /** What the signature is over: header and claims with the dot between. */
  readonly signingInput: string;
}

/** Whether a token looks like a JWT; anything else may be an opaque token. */
export function hasCompactForm(token: string): boolean {
  return compactForm.test(token);
}

/** Whether the segment is the one spelling of its bytes: full groups, and no stray bits in the last character. */
function isCanonical(segment: string): boolean {
  const left = segment.length % 4;
  return left === 0 || (canonicalEnds[left]?.includes(segment.charAt(segment.length - 1)) ?? false);
}

/** Takes a token apart. Refuses everything but three non-empty segments of canonical base64url. */
export function splitToken(token: string): Segments {
  if (hasCompactForm(token)) {
    const first = token.indexOf('.');
    const second = token.lastIndexOf('.');
    const segments = {
      header: token.slice(0, first),
      claims: token.slice(first + 1, second),
      signature: token.slice(second + 1),
      signingInput: token.slice(0, second),
    };
    if (isCanonical(segments.header) && isCanonical(segments.claims) && isCanonical(segments.signature)) {
      return segments;
    }
  }
  throw refuse(
    'malformed_token',
    'The token is not a signed JWT: three segments of unpadded base64url, joined by dots.',
    'Send the access token itself, unchanged: no quotes, no JSON around it, no line breaks, nothing cut off.',
  );
}

/** Decodes a canonical segment as UTF-8; `undefined` where its bytes are not. */
export function decodeText(segment: string): string | undefined {
  const bytes = Buffer.from(segment, 'base64url');
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}
