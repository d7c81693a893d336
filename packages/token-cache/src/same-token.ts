import type { CacheableToken, Secret } from '@valetkey/core-types';

const reveal = (value: string | Secret | undefined): string | undefined =>
  typeof value === 'object' ? value.reveal() : value;

/** Whether two tokens are the same credential, whatever they say about the rest of their life. */
export const sameToken = (one: CacheableToken, other: CacheableToken): boolean => {
  if (one.kind === 'server') return other.kind === 'server' && one.secret.reveal() === other.secret.reveal();
  if (other.kind === 'server') return false;
  const names = Object.keys(one.fields);
  return (
    names.length === Object.keys(other.fields).length &&
    names.every((name) => reveal(one.fields[name]) === reveal(other.fields[name]))
  );
};
