import { isSameIdentifier, readClaim, readTenant, type AllowedCall, type Principal } from '@valetkey/core-types';
import {
  claimOfSegment,
  claimsOfPath,
  findListed,
  isBatch,
  isBound,
  listBoundCalls,
  parseSegments,
  splitPattern,
} from './allowed-calls.ts';

/** Why an allow-list refuses a call. Contains no value of a claim. */
export type CallRefusal =
  | { readonly cause: 'not_listed' }
  | {
      /**
       * What refuses the call: the percent-encoding of the path, a batch, the issuer of the token, a claim that is missing or
       * no plain identifier, a segment that is not that of the caller, or a query parameter.
       */
      readonly cause: 'encoding' | 'batch' | 'issuer' | 'claim' | 'segment' | 'query';
      /** The place of the entry in the allow-list. */
      readonly place: number;
      readonly claims: readonly string[];
      /** The query parameters that the entry allows. */
      readonly query: readonly string[];
    };

/** A call as its caller sends it. Path and query are percent-encoded. */
type Call = Readonly<Record<'method' | 'path' | 'query', string>>;

/**
 * Returns why an allow-list refuses a call, or undefined if it allows the call.
 *
 * A path that an entry binds to a claim (`/Patients({claim:patient_id})`) must have the value of the caller's claim there and
 * no query parameter that the entry does not name, even if another entry would allow the path for everyone. The claim must be a
 * plain identifier: letters, digits and `._~:@|-`, or a whole number. The path must be encoded in the usual way: only what has
 * to be, in capitals.
 *
 * @example
 * ```ts
 * import { findCallRefusal } from '@valetkey/vendor-clients';
 *
 * const allow = [{ method: 'GET', path: '/Patients({claim:patient_id})', query: ['$select'] }];
 * const alice = { issuer: 'https://id.example.com', subject: 'alice', scopes: [], claims: { patient_id: 'p-1' } };
 * findCallRefusal(allow, { method: 'GET', path: '/Patients(p-1)', query: '?$select=Name' }, alice); // undefined
 * findCallRefusal(allow, { method: 'GET', path: '/Patients(p-2)', query: '' }, alice)?.cause; // 'segment'
 * ```
 */
export function findCallRefusal(
  allow: readonly AllowedCall[],
  { method, path, query }: Call,
  principal: Principal,
): CallRefusal | undefined {
  const segments = parseSegments(path);
  if (segments === undefined) return { cause: 'not_listed' };
  const bound = listBoundCalls(allow, method, segments);
  if (bound.length === 0) return findListed(allow, method, segments) ? undefined : { cause: 'not_listed' };
  const causes = bound.map(([, entry]) =>
    isUsuallyEncoded(path) ? findCause(entry, segments, query, principal) : 'encoding',
  );
  if (causes.includes(undefined)) return undefined;
  // An entry for the caller's own issuer says more than one for another issuer.
  const index = Math.max(
    causes.findIndex((cause) => cause !== 'issuer'),
    0,
  );
  const [place, entry] = bound[index] ?? [0, { path: '/' }];
  const cause = causes[index] ?? 'segment';
  return { cause, place, claims: claimsOfPath(entry.path), query: ('query' in entry && entry.query) || [] };
}

/**
 * Returns why a principal can make no call of an entry: the claim is one of another issuer, or missing or no plain identifier.
 * Returns undefined for an entry that is not bound to a claim.
 *
 * @example
 * ```ts
 * import { findBindingProblem } from '@valetkey/vendor-clients';
 *
 * const bob = { issuer: 'https://id.example.com', subject: 'bob', scopes: [], claims: {} };
 * findBindingProblem({ method: 'GET', path: '/Patients({claim:patient_id})' }, bob); // 'claim'
 * ```
 */
export function findBindingProblem(
  { path, issuer }: Pick<AllowedCall, 'path' | 'issuer'>,
  principal: Principal,
): 'issuer' | 'claim' | undefined {
  const bound = splitPattern(path).filter(isBound);
  if (bound.length === 0) return undefined;
  if (issuer !== undefined && readTenant(issuer, principal.issuer) === undefined) return 'issuer';
  // A malformed segment, of a list that its adapter did not check, has no claim.
  const values = bound.map((part) => readIdentifier(principal, claimOfSegment(part)) ?? '');
  return values.includes('') ? 'claim' : undefined;
}

function findCause(entry: AllowedCall, segments: readonly string[], query: string, principal: Principal) {
  if (segments.some(isBatch)) return 'batch';
  const problem = findBindingProblem(entry, principal);
  if (problem !== undefined) return problem;
  const pattern = splitPattern(entry.path);
  const values = pattern.map((part) => readIdentifier(principal, claimOfSegment(part)));
  if (!findListed([{ method: '', path: unbind(pattern) }], '', segments)) return 'segment';
  const areOwn = pattern.every((part, index) => isOwnSegment(part, segments[index] ?? '', values[index] ?? ''));
  if (!areOwn) return 'segment';
  return isQueryAllowed(query, entry.query ?? []) ? undefined : 'query';
}

/** Returns the pattern with a placeholder for any value in place of each claim. */
function unbind(pattern: readonly string[]): string {
  return `/${pattern.map((part) => part.replace(/\{claim:[^}]*\}/, '{value}')).join('/')}`;
}

function isOwnSegment(part: string, segment: string, own: string): boolean {
  const [start = '', end] = part.split(/\{claim:[^}]*\}/);
  return end === undefined || isSameIdentifier(segment.slice(start.length, segment.length - end.length), own);
}

/**
 * Returns the value of a claim as it stands in a path, an empty text if there is no claim, and undefined if the value is no plain
 * identifier. Other characters have a meaning in a path: `'`, `,`, `=` and parentheses in a key of OData, `;` and `+` for some
 * servers, a dot at the end.
 */
function readIdentifier({ subject, claims }: Principal, claim: string | undefined): string | undefined {
  if (claim === undefined) return '';
  const value = claim === 'sub' ? subject : readClaim(claims, claim);
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined;
  const isPlain = typeof value === 'string' && /^[A-Za-z0-9_-](?:[A-Za-z0-9._~:@|-]{0,254}[A-Za-z0-9_-])?$/.test(value);
  return isPlain ? value : undefined;
}

/** Returns whether only characters that may not stand for themselves everywhere are encoded, in capitals. */
function isUsuallyEncoded(path: string): boolean {
  return !/%[0-9A-F]?[a-f]|%(?:3[0-9]|4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|2D|2E|5F|7E)/.test(path);
}

/** Some servers also split a query at `;`, so a caller has to encode it. */
function isQueryAllowed(query: string, allowed: readonly string[]): boolean {
  if (query.length <= 1) return true;
  if (query.includes(';')) return false;
  return query
    .slice(1)
    .split('&')
    .every((parameter) => {
      const [name = ''] = parameter.split('=', 1);
      return allowed.includes(name.replace(/^%24/, '$'));
    });
}
