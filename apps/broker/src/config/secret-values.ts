import { Secret } from '@valetkey/core-types';
import type { Config, ConnectionConfig } from './config.ts';

/** Returns the value of every `Secret` in a parsed configuration, or in a part of it. */
export function secretsOf(config: Config | ConnectionConfig): ReadonlySet<string> {
  return collectSecrets(config, new Set<string>(), new Set());
}

/** Adds the value of every `Secret` inside `value` to `found`, and returns `found`. */
function collectSecrets(value: unknown, found: Set<string>, seen: Set<object>): Set<string> {
  if (value instanceof Secret) return found.add(value.reveal());
  if (typeof value !== 'object' || value === null || seen.has(value)) return found;
  seen.add(value);
  for (const item of Object.values(value)) collectSecrets(item, found, seen);
  return found;
}

/**
 * Returns whether a text is one of `secrets`, or contains a private key in PEM, which a vendor may parse to something other than a
 * `Secret`. A URL counts only if it contains a password.
 */
export function isSecret(text: string, secrets: ReadonlySet<string>): boolean {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return true;
  const trimmed = text.trim();
  // A proxy may be written without its scheme.
  const secret = [trimmed, `http://${trimmed}`].find((form) => secrets.has(form));
  if (secret === undefined) return false;
  // Not parsed as a URL, because PostgreSQL allows several hosts in one.
  return !secret.includes('://') || /:\/\/[^/?#]*:[^/?#]+@|[?&]password=/.test(secret);
}
