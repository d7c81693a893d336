import { refuse } from './refusals.ts';
import { decodeText } from './token-text.ts';
import { parseStrictObject } from './strict-json.ts';

const maximumKeyIdLength = 256;

/** What a token's header says, as far as it is used. Whatever it says about where keys are is not. */
export interface TokenHeader {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  /** Lower case, without `application/`. */
  readonly type: string | undefined;
}

function malformed(what: string): Error {
  return refuse(
    'malformed_header',
    `The token's header ${what}.`,
    'Have the identity provider issue a plain signed JWT.',
  );
}

/** Reads the encoded header of a JWT (RFC 7515, section 4). */
export function readTokenHeader(segment: string): TokenHeader {
  const text = decodeText(segment);
  const header = text === undefined ? undefined : parseStrictObject(text);
  if (header === undefined) throw malformed('is not a JSON object with members of different names');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') throw malformed('names no algorithm');
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > maximumKeyIdLength)) {
    throw malformed(`has a kid that is not a string of 1 to ${maximumKeyIdLength} characters`);
  }
  if (typ !== undefined && typeof typ !== 'string') throw malformed('has a typ that is not a string');
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) {
    throw refuse(
      'critical_header',
      'The token names critical header extensions, and none is supported.',
      'Have the identity provider issue tokens without crit and b64.',
    );
  }
  return { algorithm: alg, keyId: kid, type: typ?.toLowerCase().replace(/^application\//, '') };
}
