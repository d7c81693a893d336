import { readTenant, writeTenant, type Issuer } from '@valetkey/core-types';

/** The record that accepts an `iss`, and the issuer of the principals of such tokens. */
export interface FoundIssuer<Entry> {
  readonly entry: Entry;
  /** The canonical issuer: `issuer` of the record, with the tenant in place of its placeholder. */
  readonly canonicalIssuer: string;
  /** The tenant in the `iss`; an empty text if the record has no tenants. */
  readonly tenant: string;
}

/** Finds records by the `iss` of a token. */
export type IssuerIndex<Entry> = (iss: string) => FoundIssuer<Entry> | undefined;

/** Returns an issuer without the slash at its end. Providers and operators confuse the two spellings. */
export function withoutEndSlash(issuer: string): string {
  return issuer.replace(/\/$/, '');
}

/** Returns whether two issuers are different spellings of one URL: in scheme, letter case, usual port and slash at the end. */
export function isOtherSpelling(one: string, other: string): boolean {
  const [first, second] = [one, other].map((issuer) => {
    const url = withoutEndSlash(issuer)
      .toLowerCase()
      .replace(/^http:/, 'https:');
    return url.replace(/^(https:\/\/[^/]*?):(80|443)(?=\/|$)/, '$1');
  });
  return one !== other && first === second;
}

/** Creates the function that finds the record of an `iss` by each of its forms. */
export function createIssuerIndex<Entry>(
  entries: readonly Entry[],
  issuerOf: (entry: Entry) => Pick<Issuer, 'issuer' | 'otherForms' | 'tenants'>,
): IssuerIndex<Entry> {
  const exact = new Map<string, FoundIssuer<Entry>>();
  const tenanted: { readonly form: string; readonly canonical: string; readonly entry: Entry }[] = [];
  for (const entry of entries) {
    const { issuer: canonical, otherForms, tenants } = issuerOf(entry);
    for (const form of [canonical, ...otherForms]) {
      if (tenants === undefined) exact.set(form, { entry, canonicalIssuer: canonical, tenant: '' });
      else tenanted.push({ form, canonical, entry });
    }
  }
  return (iss) => {
    const found = exact.get(iss);
    if (found !== undefined) return found;
    for (const { form, canonical, entry } of tenanted) {
      const tenant = readTenant(form, iss);
      if (tenant !== undefined) return { entry, canonicalIssuer: writeTenant(canonical, tenant), tenant };
    }
    return undefined;
  };
}
