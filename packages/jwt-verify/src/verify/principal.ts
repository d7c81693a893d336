import type { Principal } from '@valetkey/core-types';
import type { JsonObject } from '../token/strict-json.ts';

function readScopes({ scope, scp }: JsonObject): readonly string[] {
  const written = scope ?? scp;
  if (typeof written === 'string') return written.split(' ').filter((name) => name !== '');
  return Array.isArray(written) ? written.filter((name) => typeof name === 'string') : [];
}

function freezeDeep(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const child of Object.values(value)) freezeDeep(child);
  Object.freeze(value);
}

/** A principal that many callers may share: frozen through and through. */
export function createPrincipal(
  issuer: string,
  subject: string,
  claims: JsonObject,
  expiresAtSeconds: number | undefined,
): Principal {
  freezeDeep(claims);
  return Object.freeze({ issuer, subject, scopes: Object.freeze(readScopes(claims)), claims, expiresAtSeconds });
}
