import type { Principal } from '@valetkey/core-types';

/** Returns one text for each person and never one text for two: the issuer and the subject together. */
export function principalKey({ issuer, subject }: Pick<Principal, 'issuer' | 'subject'>): string {
  return JSON.stringify([issuer, subject]);
}
