import { ValetKeyError } from '@valetkey/core-types';

/**
 * Encodes one value as one segment of a path.
 *
 * `.`, `..` and nothing at all are segments that a server may take for another path however they are encoded, so they
 * are refused with `invalid_request`.
 */
export function encodePathSegment(value: string): string {
  if (value === '' || value === '.' || value === '..' || !value.isWellFormed()) {
    throw new ValetKeyError('invalid_request', 'This identifier cannot be part of a path.', {
      reason: 'unsafe_path_segment',
    });
  }
  return encodeURIComponent(value);
}
