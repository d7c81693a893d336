import type { Issuer } from '@valetkey/core-types';

/** What a verifier accepts of DPoP (RFC 9449), over all its issuers. */
export interface DpopSupport {
  /** The signature algorithms that a proof may use for at least one issuer. */
  readonly algorithms: readonly string[];
  /** Whether every issuer requires bound tokens, so that no bearer token is accepted. */
  readonly required: boolean;
  /** Whether at least one issuer requires nonces in proofs. */
  readonly nonceRequired: boolean;
}

/** Returns what issuers accept of DPoP, or undefined if each of them accepts only bearer tokens. */
export function dpopSupportOf(issuers: readonly Pick<Issuer, 'dpop'>[]): DpopSupport | undefined {
  const settings = issuers.flatMap(({ dpop }) => dpop ?? []);
  if (settings.length === 0) return undefined;
  return Object.freeze({
    algorithms: Object.freeze([...new Set(settings.flatMap(({ algorithms }) => algorithms))]),
    required: settings.length === issuers.length && settings.every(({ required }) => required),
    nonceRequired: settings.some(({ nonceRequired }) => nonceRequired),
  });
}
