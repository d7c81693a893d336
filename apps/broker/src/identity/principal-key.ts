import type { PrincipalId } from '../storage/store.ts';

/** Returns a text made of issuer and subject: equal for equal principals, different for different principals. */
export function principalKey({ issuer, subject }: PrincipalId): string {
  return JSON.stringify([issuer, subject]);
}
