const placeholder = /\{[^{}]*\}/;

/** The characters of a tenant's name in an issuer. A slash would let one form stand for another. */
const tenantName = /^[\w.-]{1,128}$/;

/** Returns whether an issuer contains a brace, and so stands for the issuers of many tenants. */
export function hasPlaceholder(form: string): boolean {
  return /[{}]/.test(form);
}

/**
 * Returns whether an issuer has a placeholder of another notation, which no `iss` has: `<tenant>`, `:tenant`, `[tenant]`, `*`, or
 * braces that are percent-encoded.
 */
export function hasForeignPlaceholder(form: string): boolean {
  return /[<>*]|%7[bd]|\/:[a-z]|\/\[[a-z_]+\]/i.test(form);
}

/** Returns whether an issuer is an address of Entra ID for users of several tenants. Each token has the `iss` of its own tenant. */
export function namesNoTenant(form: string): boolean {
  return /^https:\/\/login\.microsoftonline\.\w+\/(?:common|organizations)(?:\/|$)/.test(form);
}

/** Returns whether an issuer has exactly one placeholder, such as `{tenantid}`, and no other brace. */
export function hasOnePlaceholder(form: string): boolean {
  return placeholder.test(form) && !hasPlaceholder(form.replace(placeholder, ''));
}

/**
 * Returns the tenant for which `issuer` has the form `form`: an empty text if the form has no placeholder and equals the
 * issuer, undefined if the issuer has another form.
 */
export function readTenant(form: string, issuer: string): string | undefined {
  const parts = form.split(placeholder);
  const [start = '', end] = parts;
  if (end === undefined) return form === issuer ? '' : undefined;
  if (!issuer.startsWith(start) || !issuer.endsWith(end)) return undefined;
  const tenant = issuer.slice(start.length, issuer.length - end.length);
  return tenantName.test(tenant) ? tenant : undefined;
}

/** Returns the issuer of one tenant. */
export function writeTenant(form: string, tenant: string): string {
  return form.replace(placeholder, () => tenant);
}

/** Returns whether some issuer has both forms. */
export function formsOverlap(one: string, other: string): boolean {
  const [own, others] = [one.split('/'), other.split('/')];
  return own.length === others.length && own.every((part, index) => partsOverlap(part, others[index] ?? ''));
}

function partsOverlap(one: string, other: string): boolean {
  const [ownStart = '', ownEnd] = one.split(placeholder);
  const [otherStart = '', otherEnd] = other.split(placeholder);
  if (ownEnd === undefined) return readTenant(other, one) !== undefined;
  if (otherEnd === undefined) return readTenant(one, other) !== undefined;
  return (
    (ownStart.startsWith(otherStart) || otherStart.startsWith(ownStart)) &&
    (ownEnd.endsWith(otherEnd) || otherEnd.endsWith(ownEnd))
  );
}
