import type { z } from 'zod';
import { hasForeignPlaceholder, hasOnePlaceholder, hasPlaceholder, namesNoTenant } from './issuer-forms.ts';
import { secureUrlSchema } from './issuer-text.ts';

interface IssuerForms {
  readonly issuer: string;
  readonly otherForms: readonly string[];
  readonly tenants?: object | undefined;
  readonly metadataUri?: string | undefined;
  readonly jwksUri?: string | undefined;
  readonly jwks?: object | undefined;
  readonly introspection?: object | undefined;
  readonly resolver?: object | undefined;
}

/** Checks that the placeholders fit `tenants`, and that an issuer can be fetched if its metadata is sought below it. */
export function checkIssuerForms(record: IssuerForms, context: z.RefinementCtx): void {
  const { issuer, otherForms, tenants } = record;
  const report = (path: PropertyKey[], message: string): void => {
    context.addIssue({ code: 'custom', path, message });
  };
  const forms: [string, PropertyKey[]][] = [
    [issuer, ['issuer']],
    ...otherForms.map((form, index): [string, PropertyKey[]] => [form, ['otherForms', index]]),
  ];
  for (const [form, path] of forms) {
    if (hasForeignPlaceholder(form)) {
      report(path, 'has a placeholder: write the exact iss of the tokens, or {name} for the tenant, with tenants');
    }
    if (namesNoTenant(form)) {
      report(path, 'names no tenant: write {tenantid} in place of it, and list the tenants in tenants');
    }
    if (tenants === undefined && hasPlaceholder(form)) {
      report(path, 'contains braces: write the exact iss of the tokens, or list the tenants in tenants');
    }
    if (tenants !== undefined && !hasOnePlaceholder(form)) {
      report(path, 'must contain one placeholder, such as {tenantid}, and no other braces, because tenants is set');
    }
  }
  if (new Set([issuer, ...otherForms]).size <= otherForms.length) report(['otherForms'], 'must not name an iss twice');
  if (tenants !== undefined && (record.introspection !== undefined || record.resolver !== undefined)) {
    report(['tenants'], 'cannot be combined with introspection or a resolver, because an opaque token names no tenant');
  }
  if (record.jwks !== undefined || record.jwksUri !== undefined || record.metadataUri !== undefined) return;
  if (tenants === undefined && secureUrlSchema.safeParse(issuer).success) return;
  report(['issuer'], 'must be an https URL without query, or have jwksUri, jwks or metadataUri beside it');
}
