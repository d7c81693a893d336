import { isUtf8 } from 'node:buffer';
import { readClaim, type ClaimMark } from '@valetkey/core-types';
import { invalidToken } from './invalid-token.ts';

/** A parsed JSON object, such as the header or the claims of a token. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The three segments of a compact JWS (RFC 7515 section 7.1), still encoded. */
export interface TokenSegments {
  readonly header: string;
  readonly claims: string;
  readonly signature: string;
  /** The text that the signature covers: header and claims with the dot between them. */
  readonly signingInput: string;
}

/** The members of a token's header that are read. `jku`, `x5u` and `jwk`, which contain or locate a key, are ignored. */
export interface TokenHeader {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  /** The `typ` in lower case, without `application/`. */
  readonly type: string | undefined;
  /** Every member, for the rules of the issuer about header members. */
  readonly members: JsonObject;
}

const encryptedForm = /^[\w-]+(\.[\w-]*){3}\.[\w-]+$/;
const unsignedForm = /^[\w-]+\.[\w-]+\.$/;
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/**
 * The characters with which a canonical segment may end, by the number of characters after its last group of four. Any
 * other character has bits beyond the last byte.
 */
const canonicalEnds: Readonly<Record<number, string | undefined>> = { 2: 'AQgw', 3: 'AEIMQUYcgkosw048' };
/** The longest `kid` of a token or of a published key, in characters. */
export const maxKeyIdLength = 256;
const maxDepth = 32;

/** Returns whether a token looks like a JWT; any other text may be an opaque token. */
export function hasCompactForm(token: string): boolean {
  return compactForm.test(token);
}

/**
 * Returns whether a text is a word that a program writes for a missing value. Apps send it if they read the token before the
 * user has signed in.
 */
export function isMissingValue(token: string): boolean {
  return /^(undefined|null|NaN|false|true|\[object \w+\]|)$/.test(token);
}

/** Returns whether a segment is the canonical encoding of its bytes: no impossible length, no stray bits at the end. */
function isCanonical(segment: string): boolean {
  const rest = segment.length % 4;
  return rest === 0 || (canonicalEnds[rest]?.includes(segment.charAt(segment.length - 1)) ?? false);
}

/** Splits a token into its segments. Throws `invalid_token` unless there are three, each in canonical base64url. */
export function splitToken(token: string): TokenSegments {
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
  if (encryptedForm.test(token)) {
    throw invalidToken(
      'encrypted_token',
      'The token is encrypted: it has five segments instead of three.',
      "Ask the identity provider for a signed access token. Auth0 encrypts the access token of an app that asks for no audience: create an API there, and have the app ask for the API's identifier as `audience`. Amazon Cognito encrypts its refresh token, and Auth.js its session cookie: send the access token instead.",
    );
  }
  if (isMissingValue(token)) {
    throw invalidToken(
      'malformed_token',
      'The app sent no token, but the word for a missing value, such as undefined or null.',
      'In the app, wait until the user has signed in, and send the access token.',
    );
  }
  if (unsignedForm.test(token)) {
    throw invalidToken(
      'malformed_token',
      'The token has no signature: nothing follows its second dot.',
      'Send the whole token. If it is whole, have the identity provider sign its tokens. Emulators, such as that of Firebase, do not: use a real project.',
    );
  }
  throw invalidToken(
    'malformed_token',
    'The token is not a signed JWT: three segments of unpadded base64url, joined by dots.',
    'Send the access token itself, unchanged: no quotes, no JSON around it, no line breaks, nothing cut off. If the provider gave the app an opaque token, have it issue JWTs (Auth0: the app asks for an `audience`; Logto: for a `resource`; ZITADEL, Ory Hydra and Authgear: the access-token type JWT), or set introspection of the issuer.',
  );
}

function malformedHeader(problem: string): Error {
  return invalidToken(
    'malformed_header',
    `The token's header ${problem}.`,
    'Have the identity provider issue a plain signed JWT.',
  );
}

/** Parses the encoded header of a JWT (RFC 7515 section 4). Throws `invalid_token`. */
export function parseTokenHeader(segment: string): TokenHeader {
  const header = parseSegment(segment);
  if (header === undefined) throw malformedHeader('is not a JSON object with unique member names');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') throw malformedHeader('names no algorithm');
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > maxKeyIdLength)) {
    throw malformedHeader(`has a kid that is not a string of 1 to ${maxKeyIdLength} characters`);
  }
  if (typ !== undefined && typeof typ !== 'string') throw malformedHeader('has a typ that is not a string');
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) {
    throw invalidToken(
      'critical_header',
      'The token has critical header extensions (crit or b64), and this verifier supports none.',
      'Have the identity provider issue tokens without crit and b64.',
    );
  }
  return { algorithm: alg, keyId: kid, type: typ?.toLowerCase().replace(/^application\//, ''), members: header };
}

/** Parses the encoded claims of a JWT (RFC 7519 section 4). Throws `invalid_token`. */
export function parseTokenClaims(segment: string): JsonObject {
  const claims = parseSegment(segment);
  if (claims !== undefined) return claims;
  throw invalidToken(
    'malformed_claims',
    "The token's claims are not a JSON object with unique member names.",
    'Have the identity provider issue a plain signed JWT.',
  );
}

/** Parses a canonical segment; returns undefined unless it is UTF-8 and a strict JSON object. */
export function parseSegment(segment: string): JsonObject | undefined {
  const bytes = Buffer.from(segment, 'base64url');
  return isUtf8(bytes) ? parseStrictObject(bytes) : undefined;
}

/**
 * Parses a JSON object in UTF-8. Returns undefined for any other value, for more than 32 levels, and for an object with two
 * members of one name. Parsers differ in which of the two they keep, so that two programs could read one text differently.
 */
export function parseStrictObject(bytes: Buffer): JsonObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const written = countWrittenMembers(bytes);
  return written !== undefined && written === countKeptMembers(value) ? value : undefined;
}

/** Returns whether a parsed JSON value is an object, and not null or an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/**
 * Counts the members in a valid JSON text; returns undefined if it has more than 32 levels. In UTF-8, no byte of another
 * character is equal to one of these characters.
 */
function countWrittenMembers(bytes: Buffer): number | undefined {
  let members = 0;
  let depth = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const code = bytes[index];
    if (code === quote) {
      for (index += 1; bytes[index] !== quote; index += 1) {
        if (bytes[index] === backslash) index += 1;
      }
    } else if (code === colon) {
      members += 1;
    } else if (code === openBrace || code === openBracket) {
      depth += 1;
      if (depth > maxDepth) return undefined;
    } else if (code === closeBrace || code === closeBracket) {
      depth -= 1;
    }
  }
  return members;
}

/** Counts the members of a parsed value. Of two members with one name, `JSON.parse` has kept only one. */
function countKeptMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children: unknown[] = Object.values(value);
  let members = Array.isArray(value) ? 0 : children.length;
  for (const child of children) members += countKeptMembers(child);
  return members;
}

type Scalar = string | number | boolean;

/** Returns whether a claim is, or is a list that contains, one of the accepted values. */
export function isAcceptedValue(value: unknown, accepted: 'any' | readonly Scalar[]): boolean {
  if (value === undefined || value === null) return false;
  if (accepted === 'any') return true;
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return accepted.some((scalar) => values.includes(scalar));
}

/** Returns whether the claims have a mark. */
export function hasMark(
  claims: JsonObject,
  { claim, values, startsWith, endsWith, sameAs, absent }: ClaimMark,
): boolean {
  const value = readClaim(claims, claim);
  if (absent) return value === undefined || value === null;
  if (values !== undefined) return isAcceptedValue(value, values);
  if (startsWith !== undefined) return typeof value === 'string' && value.startsWith(startsWith);
  if (endsWith !== undefined) return typeof value === 'string' && value.endsWith(endsWith);
  if (sameAs !== undefined) return typeof value === 'string' && value === readClaim(claims, sameAs);
  return value !== undefined;
}

/** Describes a mark in words. */
export function describeMark({ claim, values, startsWith, endsWith, sameAs, absent }: ClaimMark): string {
  if (absent) return `no ${claim}`;
  if (values !== undefined) return `the ${claim} ${values.join(' or ')}`;
  if (startsWith !== undefined) return `a ${claim} that starts with ${startsWith}`;
  if (endsWith !== undefined) return `a ${claim} that ends with ${endsWith}`;
  return sameAs === undefined ? `the claim ${claim}` : `a ${claim} that is also its ${sameAs}`;
}
