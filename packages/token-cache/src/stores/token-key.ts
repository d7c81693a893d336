import type { TokenKey } from '@valetkey/core-types';

/**
 * Returns the text of a key. Different keys have different texts: the text of each part begins with the length of the
 * part, so the text shows where each part ends.
 *
 * `connection` comes last and adds text only if it is present. Keys without it keep the text that they had in earlier
 * versions, so their tokens in the store are still found.
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

/** Returns whether all parts of two keys are the same. */
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

/** Returns a frozen copy of a key that has only the parts of a key. */
export function copyTokenKey({ vendor, connection, client, scope, resource, secretVersion }: TokenKey): TokenKey {
  return Object.freeze({ vendor, connection, client, scope, resource, secretVersion });
}
