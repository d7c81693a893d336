/** Returns a kebab-case id as an identifier: `acme-pay` as `acmePay`. */
export function toIdentifier(id: string): string {
  return id.replaceAll(/-([a-z0-9])/g, (_match, first: string) => first.toUpperCase());
}

/** Returns a kebab-case id as the name of a type: `acme-pay` as `AcmePay`. */
export function toTypeName(id: string): string {
  const identifier = toIdentifier(id);
  return identifier.charAt(0).toUpperCase() + identifier.slice(1);
}
