import type { TokenKey } from '@valetkey/core-types';

const part = (value: string | undefined): string => {
  if (value === undefined) return '-';
  if (typeof value !== 'string') throw new TypeError('Each part of a token key must be text.');
  return `${value.length}:${value}`;
};

/**
 * One text per key, and never one text for two keys: each part carries its length, so that no text inside a part can
 * pass for the border between two.
 */
export const tokenKeyText = (key: TokenKey): string =>
  `${part(key.vendor)}${part(key.client)}${part(key.scope)}${part(key.resource)}${part(key.secretVersion)}`;

/** Whether two keys are the same, part for part. */
export const sameTokenKey = (one: TokenKey, other: TokenKey): boolean =>
  one.scope === other.scope &&
  one.client === other.client &&
  one.vendor === other.vendor &&
  one.resource === other.resource &&
  one.secretVersion === other.secretVersion;

/** A copy that nobody else can change. */
export const copyTokenKey = ({ vendor, client, scope, resource, secretVersion }: TokenKey): TokenKey =>
  Object.freeze({ vendor, client, scope, resource, secretVersion });
