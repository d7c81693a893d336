import type { TokenKey } from '@valetkey/core-types';
import { keyedRecordId, type SealedRecords } from './sealed-records.ts';
import type { LeaseResponse, TokenStore } from './store-types.ts';
import { failureToText, parseFailureText } from './stored-text.ts';

const ownerPattern = /^owner:[\w-]{1,64}$/;

/** The longest life of a lease or a cool-down. A record with a longer life was written by another program. */
const maxLeaseMs = 2 * 3_600_000;

/** How long the store keeps a failure after its cool-down, so that the next failure continues the count. */
const afterCooldownMs = 60_000;

/**
 * The response if another replica acquired the lease between the reading and the write. The next call shows its name.
 */
const heldByNewcomer: LeaseResponse = { state: 'held', holder: '' };

/** Creates the part of a store for leases. The record of a key holds its lease, or the failure that ended the lease. */
export function createLeaseRecords(
  sealed: SealedRecords,
): Pick<TokenStore, 'acquire' | 'extend' | 'release' | 'coolDown'> {
  const { records, sealer } = sealed;
  const leaseId = (key: TokenKey): string => keyedRecordId(sealed, key, 'lease');
  const ownerText = (owner: string): string => `owner:${owner}`;

  async function addLease(id: string, owner: string, leaseMs: number): Promise<LeaseResponse> {
    return (await records.add(id, ownerText(owner), leaseMs)) ? { state: 'acquired', attempts: 0 } : heldByNewcomer;
  }

  return {
    acquire: async (key, owner, leaseMs) => {
      const id = leaseId(key);
      const { nowMs, value, expiresAtMs = Number.POSITIVE_INFINITY } = await records.read(id);
      if (value === undefined) return addLease(id, owner, leaseMs);
      const remainingLeaseMs = expiresAtMs - nowMs;
      const isForeign = remainingLeaseMs > maxLeaseMs;
      if (!isForeign && ownerPattern.test(value)) return { state: 'held', holder: value };
      const text = isForeign ? undefined : sealer.open(value, id);
      const failure = text === undefined ? undefined : parseFailureText(text);
      if (failure === undefined) {
        // Another program wrote this value. As long as it stays, no replica can acquire the lease.
        await records.remove(id, value);
        return addLease(id, owner, leaseMs);
      }
      const remainingMs = remainingLeaseMs - afterCooldownMs;
      if (remainingMs > 0) return { state: 'cooling', failure, remainingMs };
      const acquired = await records.replace(id, value, ownerText(owner), leaseMs);
      return acquired ? { state: 'acquired', attempts: failure.attempts } : heldByNewcomer;
    },
    extend: (key, owner, leaseMs) => records.replace(leaseId(key), ownerText(owner), ownerText(owner), leaseMs),
    release: async (key, owner) => {
      await records.remove(leaseId(key), ownerText(owner));
    },
    coolDown: async (key, owner, failure, durationMs) => {
      const id = leaseId(key);
      const sealedFailure = sealer.seal(failureToText(failure), id);
      await records.replace(id, ownerText(owner), sealedFailure, durationMs + afterCooldownMs);
    },
  };
}
