import type { AllowedCall } from '@valetkey/core-types';
import { z } from 'zod';

const literal = String.raw`[A-Za-z0-9._~!$&'()+,;=:@-]`;
const segmentPattern = new RegExp(String.raw`^(\*|(?:${literal}|\{[A-Za-z][A-Za-z0-9]*\})+)$`);
/** A segment with one claim has no other placeholder, so that only one part of it can be the value. */
const boundPattern = new RegExp(String.raw`^${literal}*\{claim:([A-Za-z0-9._~:/@-]{1,200})\}${literal}*$`);

/**
 * Parses a call that a proxy allows: `{ method: 'GET', path: '/Patients({id})' }`.
 *
 * In a path, `*` stands for one whole segment and `{name}` for one value inside a segment. `{claim:name}` stands for the value
 * of a claim of the caller's token.
 */
export const allowedCallSchema = z
  .strictObject({
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']).describe('The HTTP method.'),
    path: z
      .string()
      .refine((path) => path.startsWith('/') && splitPattern(path).every(isPatternSegment), {
        error: 'must be a path such as /Patients, /Patients({id}), /Visits/* or /Patients({claim:patient_id})',
      })
      .describe(
        "The path: `*` stands for one whole segment, `{name}` for one value inside a segment, `{claim:name}` for the value of this claim of the caller's token.",
      ),
    query: z
      .array(
        z.string().regex(/^[A-Za-z0-9$@._-]+$/, { error: 'must be the name of a query parameter, such as $select' }),
      )
      .optional()
      .describe(
        'The query parameters that a path with `{claim:…}` allows. Absent: none. Other paths allow every query.',
      ),
    issuer: z
      .string()
      .min(1)
      .optional()
      .describe(
        'The issuer whose tokens have the claims of `path`. Required if the users of several issuers may use this connection.',
      ),
  })
  .check(({ value: { path, query, issuer }, issues }) => {
    const report = (field: string, message: string) =>
      issues.push({ code: 'custom', path: [field], message, input: undefined });
    if (isBound(path)) {
      if (splitPattern(path).some(isBatch)) report('path', 'must not have `$batch` or `$query` beside a claim');
      return;
    }
    if (query !== undefined) report('query', 'is only for a path with `{claim:…}`; remove it');
    if (issuer !== undefined) report('issuer', 'is only for a path with `{claim:…}`; remove it');
  });

function isPatternSegment(segment: string): boolean {
  if (isBound(segment)) return boundPattern.test(segment);
  return segmentPattern.test(segment) && segment !== '.' && segment !== '..';
}

/** Splits the pattern of a path into its segments. The name of a claim may contain slashes. */
export function splitPattern(path: string): string[] {
  return path.slice(1).split(/\/(?![^{}]*\})/);
}

/** Returns the claim of a segment of a pattern, or undefined if the segment is not bound to a claim. */
export function claimOfSegment(segment: string): string | undefined {
  return boundPattern.exec(segment)?.[1];
}

/**
 * Returns the claims to which the pattern of a path is bound.
 *
 * @example
 * ```ts
 * import { claimsOfPath } from '@valetkey/vendor-clients';
 *
 * claimsOfPath('/Patients({claim:patient_id})'); // ['patient_id']
 * ```
 */
export function claimsOfPath(path: string): string[] {
  return splitPattern(path).flatMap((segment) => claimOfSegment(segment) ?? []);
}

/** Returns whether a path or a segment of a pattern is bound to a claim. */
export function isBound(pattern: string): boolean {
  return pattern.includes('{claim:');
}

/** Returns whether a segment takes further requests, or the query, from the body, where no path and no query bounds them. */
export function isBatch(segment: string): boolean {
  return /^\$(?:batch|query)\b/i.test(segment);
}

/**
 * Returns the first entry of the list that allows a call, or undefined if none does. `path` is percent-encoded and without its
 * query.
 *
 * A path that two servers could read differently is on no list: encoded slashes and backslashes, dot segments, empty
 * segments, double encoding, control characters. Letter case counts. `*` and `{name}` never stand for OData's own segments
 * (`$batch`), which have to be written out. A path that an entry binds to a claim is on no list either, because only
 * `findCallRefusal` knows the caller.
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
  if (segments === undefined || listBoundCalls(allow, method, segments).length > 0) return undefined;
  return findListed(allow, method, segments);
}

/** Returns whether a call is on the list, as {@link findAllowedCall} reads it. */
export function isCallAllowed(allow: readonly AllowedCall[], method: string, path: string): boolean {
  return findAllowedCall(allow, method, path) !== undefined;
}

/** Returns the entry with this method and path that is not bound to a claim. */
export function findListed(
  allow: readonly AllowedCall[],
  method: string,
  segments: readonly string[],
): AllowedCall | undefined {
  return allow.find(
    (allowed) => allowed.method === method && !isBound(allowed.path) && matches(splitPattern(allowed.path), segments),
  );
}

/**
 * Returns the entries that bind this path to a claim, whatever the values in it are, with their places. They take precedence
 * over every other entry. Letter case does not count, because it does not count for some vendors. A batch belongs to every
 * entry, because the requests in its body could have any path.
 */
export function listBoundCalls(
  allow: readonly AllowedCall[],
  method: string,
  segments: readonly string[],
): (readonly [place: number, AllowedCall])[] {
  if (!allow.some(({ path }) => isBound(path))) return [];
  const hasBatch = segments.some(isBatch);
  const readings = [segments, segments.map(readLoosely)].map((one) => one.map((segment) => segment.toLowerCase()));
  return [...allow.entries()].filter(([, allowed]) => {
    if (!isBound(allowed.path)) return false;
    const pattern = splitPattern(allowed.path.toLowerCase());
    return hasBatch || (allowed.method === method && readings.some((reading) => matches(pattern, reading)));
  });
}

/** Returns a segment as the most lenient server would read it, so that no spelling of a path avoids the entry that binds it. */
function readLoosely(segment: string): string {
  const [start = ''] = segment.normalize('NFKC').split(';', 1);
  let end = start.length;
  // A regular expression would start anew at each dot of a long row.
  while (end > 0 && /[.\s]/.test(start.charAt(end - 1))) end -= 1;
  return start.slice(0, end);
}

/** Parses a path into its decoded segments, or returns undefined if it could be read in more than one way. */
export function parseSegments(path: string): string[] | undefined {
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
