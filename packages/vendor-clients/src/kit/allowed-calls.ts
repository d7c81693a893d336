import type { AllowedCall } from '@valetkey/core-types';
import { z } from 'zod';

const literal = String.raw`[A-Za-z0-9._~!$&'()+,;=:@-]`;
const segmentPattern = new RegExp(String.raw`^(\*|(?:${literal}|\{[A-Za-z][A-Za-z0-9]*\})+)$`);

/**
 * Parses a call that a proxy allows: `{ method: 'GET', path: '/Patients({id})' }`.
 *
 * In a path, `*` stands for one whole segment and `{name}` for one value inside a segment.
 */
export const allowedCallSchema = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).describe('The HTTP method.'),
  path: z
    .string()
    .refine((path) => path.startsWith('/') && path.slice(1).split('/').every(isPatternSegment), {
      error: 'must be a path such as /Patients, /Patients({id}) or /Visits/*',
    })
    .describe('The path: `*` stands for one whole segment, `{name}` for one value inside a segment.'),
});

function isPatternSegment(segment: string): boolean {
  return segmentPattern.test(segment) && segment !== '.' && segment !== '..';
}

/**
 * Returns the first entry of the list that allows a call, or undefined if none does. `path` is percent-encoded and without its
 * query.
 *
 * A path that two servers could read differently is on no list: encoded slashes and backslashes, dot segments, empty
 * segments, double encoding, control characters. Letter case counts. `*` and `{name}` never stand for OData's own segments
 * (`$batch`), which have to be written out.
 *
 * @example
 * ```ts
 * import { findAllowedCall } from '@valetkey/vendor-clients';
 *
 * const allow = [{ method: 'GET', path: '/Patients({id})' }];
 * findAllowedCall(allow, 'GET', "/Patients('a-1')"); // { method: 'GET', path: '/Patients({id})' }
 * findAllowedCall(allow, 'DELETE', "/Patients('a-1')"); // undefined
 * findAllowedCall(allow, 'GET', '/Patients(1)%2F..%2FUsers'); // undefined
 * ```
 */
export function findAllowedCall(allow: readonly AllowedCall[], method: string, path: string): AllowedCall | undefined {
  const segments = parseSegments(path);
  if (segments === undefined) return undefined;
  return allow.find((allowed) => allowed.method === method && matches(allowed.path.slice(1).split('/'), segments));
}

/** Returns whether a call is on the list, as {@link findAllowedCall} reads it. */
export function isCallAllowed(allow: readonly AllowedCall[], method: string, path: string): boolean {
  return findAllowedCall(allow, method, path) !== undefined;
}

/** Parses a path into its decoded segments, or returns undefined if it could be read in more than one way. */
function parseSegments(path: string): string[] | undefined {
  if (!path.startsWith('/') || path.length > 2_048) return undefined;
  const segments = path.slice(1).split('/').map(decodeSegment);
  return segments.includes(undefined) ? undefined : (segments as string[]);
}

function decodeSegment(segment: string): string | undefined {
  if (!/^(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+$/.test(segment)) return undefined;
  let decoded: string;
  try {
    decoded = decodeURIComponent(segment);
  } catch {
    return undefined;
  }
  // Some servers replace characters that look like `/` or `.` (`／`, `‥`) with `/` or `.`.
  return [decoded, decoded.normalize('NFKC')].some(isAmbiguous) ? undefined : decoded;
}

/** Some servers cut a segment at `;` and drop blanks or dots at its end before they look for dot segments. */
function isAmbiguous(segment: string): boolean {
  return /^[.\s]*(;|$)/.test(segment) || /[/\\%?#\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(segment);
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length && pattern.every((part, index) => matchesSegment(part, segments[index] ?? ''))
  );
}

/**
 * Matches the literals of a pattern from left to right, each at its first place, and never goes back. A regular expression
 * would try every way to divide the segment among the values, which takes seconds for some segments.
 */
function matchesSegment(pattern: string, segment: string): boolean {
  if (pattern === segment) return true;
  if (pattern === '*') return !segment.startsWith('$');
  const [start = '', ...literals] = pattern.split(/\{[^}]*\}/);
  const last = literals.pop();
  if (last === undefined || !segment.startsWith(start) || !segment.endsWith(last)) return false;
  let position = start.length;
  for (const literal of literals) {
    const end = segment.indexOf(literal, position + 1);
    if (end < 0 || !isValue(segment.slice(position, end))) return false;
    position = end + literal.length;
  }
  return isValue(segment.slice(position, segment.length - last.length));
}

function isValue(text: string): boolean {
  return /^[^()$][^()]*$/u.test(text);
}
