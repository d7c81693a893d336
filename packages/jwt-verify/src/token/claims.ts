import { readClaim, type ClaimMark } from '@valetkey/core-types';
import type { JsonObject } from './token-text.ts';

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
