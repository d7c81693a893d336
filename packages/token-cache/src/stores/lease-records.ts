import type { TokenKey } from '@valetkey/core-types';
import { keyedRecordId, type SealedRecords } from './sealed-records.ts';
import type { LeaseAnswer, TokenStore } from './store-types.ts';
import { failureToText, parseFailureText } from './stored-text.ts';

const ownerPattern = /^owner:[\w-]{1,64}$/;

/** No lease and no cool-down lives longer. A record that claims to was written by another program. */
const maxLeaseMs = 2 * 3_600_000;

/** How long a failure is remembered after its cool-down, so that the next failure continues its count. */
const afterCooldownMs = 60_000;

/** Another replica acquired the lease first. The next reading shows its name. */
const heldByNewcomer: LeaseAnswer = { state: 'held', holder: '' };

/** Creates the half of a store that keeps one record per key for its lease, or for the failure that ended the lease. */
export function createLeaseRecords(
  sealed: SealedRecords,
): Pick<TokenStore, 'acquire' | 'renew' | 'release' | 'coolDown'> {
  const { records, sealer } = sealed;
  const leaseId = (key: TokenKey): string => keyedRecordId(sealed, key, 'lease');
  const ownerText = (owner: string): string => `owner:${owner}`;

  async function addLease(id: string, owner: string, leaseMs: number): Promise<LeaseAnswer> {
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
        // Another program's bytes would block this key for as long as they are stored.
        await records.remove(id, value);
        return addLease(id, owner, leaseMs);
      }
      const remainingMs = remainingLeaseMs - afterCooldownMs;
      if (remainingMs > 0) return { state: 'cooling', failure, remainingMs };
      const acquired = await records.replace(id, value, ownerText(owner), leaseMs);
      return acquired ? { state: 'acquired', attempts: failure.attempts } : heldByNewcomer;
    },
    renew: (key, owner, leaseMs) => records.replace(leaseId(key), ownerText(owner), ownerText(owner), leaseMs),
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
