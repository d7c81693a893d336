import type { TokenKey } from '@valetkey/core-types';

/**
 * Returns the text of a key. Two different keys never have the same text: each part carries its length, so that no text
 * inside a part can pass for the border between two parts.
 *
 * `connection` comes last, where only its presence adds text: a key without it has the text that it always had.
 */
export function tokenKeyText({ vendor, connection, client, scope, resource, secretVersion }: TokenKey): string {
  const text = `${partText(vendor)}${partText(client)}${partText(scope)}${partText(resource)}${partText(secretVersion)}`;
  return connection === undefined ? text : `${text}${partText(connection)}`;
}

function partText(part: string | undefined): string {
  if (part === undefined) return '-';
  if (typeof part !== 'string') throw new TypeError('Each part of a token key must be text.');
  return `${part.length}:${part}`;
}

/** Returns whether two keys are the same, part for part. */
export function isSameTokenKey(one: TokenKey, other: TokenKey): boolean {
  return (
    one.scope === other.scope &&
    one.client === other.client &&
    one.vendor === other.vendor &&
    one.connection === other.connection &&
    one.resource === other.resource &&
    one.secretVersion === other.secretVersion
  );
}

/** Returns a frozen copy of a key, without whatever else the object holds. */
export function copyTokenKey({ vendor, connection, client, scope, resource, secretVersion }: TokenKey): TokenKey {
  return Object.freeze({ vendor, connection, client, scope, resource, secretVersion });
}
