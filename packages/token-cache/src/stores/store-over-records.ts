import type { TokenKey } from '@valetkey/core-types';
import { isSameToken } from './same-token.ts';
import type { Sealer } from './sealer.ts';
import type { LeaseAnswer, RecordStore, TokenStore } from './store-types.ts';
import { failureToText, parseFailureText, parseTokenText, tokenToText } from './stored-text.ts';
import { tokenKeyText } from './token-key.ts';

const ownerPattern = /^owner:[\w-]{1,64}$/;

/** No lease and no cool-down lives longer. A record that claims to was written by another program. */
const maxLeaseMs = 2 * 3_600_000;

/** How long a failure is remembered after its cool-down, so that the next failure continues its count. */
const afterCooldownMs = 60_000;

/** Another replica acquired the lease first. The next reading shows its name. */
const heldByNewcomer: LeaseAnswer = { state: 'held', holder: '' };

interface StoreOverRecordsDependencies {
  readonly records: RecordStore;
  readonly sealer: Sealer;
  readonly prefix: string;
  readonly timeoutMs: number;
}

/** Creates a store that keeps two sealed records for each key: its token, and its lease or cool-down. */
export function createStoreOverRecords(dependencies: StoreOverRecordsDependencies): TokenStore {
  const { records, sealer, prefix, timeoutMs } = dependencies;

  // The braces keep both records of a key in one slot of a Redis cluster.
  const tokenId = (key: TokenKey): string => `${prefix}:{${sealer.hash(tokenKeyText(key))}}:token`;
  const leaseId = (key: TokenKey): string => `${prefix}:{${sealer.hash(tokenKeyText(key))}}:lease`;
  const ownerText = (owner: string): string => `owner:${owner}`;

  async function readToken(id: string) {
    const { nowMs, value } = await records.read(id);
    const text = value === undefined ? undefined : sealer.open(value, id);
    return { nowMs, value, stored: text === undefined ? undefined : parseTokenText(text) };
  }

  async function addLease(id: string, owner: string, leaseMs: number): Promise<LeaseAnswer> {
    return (await records.add(id, ownerText(owner), leaseMs)) ? { state: 'acquired', attempts: 0 } : heldByNewcomer;
  }

  async function acquire(key: TokenKey, owner: string, leaseMs: number): Promise<LeaseAnswer> {
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
  }

  return {
    timeoutMs,
    read: async (key) => {
      const { nowMs, stored } = await readToken(tokenId(key));
      return { nowMs, stored };
    },
    write: async (key, stored) => {
      const id = tokenId(key);
      await records.write(id, sealer.seal(tokenToText(stored), id), stored.expiresAtMs);
    },
    remove: async (key, token) => {
      const id = tokenId(key);
      const { value, stored } = await readToken(id);
      if (value !== undefined && stored !== undefined && isSameToken(stored.token, token))
        await records.remove(id, value);
    },
    acquire,
    renew: (key, owner, leaseMs) => records.replace(leaseId(key), ownerText(owner), ownerText(owner), leaseMs),
    release: async (key, owner) => {
      await records.remove(leaseId(key), ownerText(owner));
    },
    coolDown: async (key, owner, failure, durationMs) => {
      const id = leaseId(key);
      const sealed = sealer.seal(failureToText(failure), id);
      await records.replace(id, ownerText(owner), sealed, durationMs + afterCooldownMs);
    },
    close: records.close,
  };
}
