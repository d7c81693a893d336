import { createHash } from 'node:crypto';
import { principalKey } from '../identity/identify.ts';
import type { PrincipalId } from '../storage/store.ts';

/**
 * Returns the id under which the broker creates the vendor user of a principal. The id is opaque: it tells the vendor neither
 * the issuer nor the subject. The same principal always has the same id, and the same subject at two issuers has two.
 */
export function externalIdOf(principal: PrincipalId): string {
  return `vk_${createHash('sha256').update(principalKey(principal)).digest('base64url')}`;
}
