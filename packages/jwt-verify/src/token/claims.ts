import type { ClaimMark } from '@valetkey/core-types';
import { isJsonObject, type JsonObject } from './token-text.ts';

type Scalar = string | number | boolean;

/**
 * Returns a claim by its name, or by a path of names with dots between them. The whole path is tried as a name first,
 * because names may contain dots (`https://example.com/roles`).
 */
export function readClaim(claims: unknown, path: string): unknown {
  if (!isJsonObject(claims)) return undefined;
  if (Object.hasOwn(claims, path)) return claims[path];
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const parent = path.slice(0, dot);
    const found = Object.hasOwn(claims, parent) ? readClaim(claims[parent], path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

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
