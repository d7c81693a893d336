import type { CacheableToken, Secret } from '@valetkey/core-types';

/** Returns whether two tokens are the same credential. The life that they have left does not matter. */
export function isSameToken(one: CacheableToken, other: CacheableToken): boolean {
  if (one.kind === 'server') return other.kind === 'server' && one.secret.reveal() === other.secret.reveal();
  if (other.kind === 'server') return false;
  const names = Object.keys(one.fields);
  return (
    names.length === Object.keys(other.fields).length &&
    names.every((name) => reveal(one.fields[name]) === reveal(other.fields[name]))
  );
}

function reveal(field: string | Secret | undefined): string | undefined {
  return typeof field === 'object' ? field.reveal() : field;
}
