import { createHash } from 'node:crypto';
import type { Principal } from '@valetkey/core-types';

/**
 * Returns the broker's stable name for a person at a vendor: opaque, so that the vendor learns nothing about the person,
 * and different for two identity providers that use the same subject.
 */
export function externalIdOf({ issuer, subject }: Pick<Principal, 'issuer' | 'subject'>): string {
  return `vk_${createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('base64url')}`;
}
