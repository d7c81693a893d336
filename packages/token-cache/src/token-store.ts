import type { TokenKey } from '@valetkey/core-types';
import { sameToken } from './same-token.ts';
import type { Sealer } from './sealing.ts';
import type { LeaseAnswer, RecordStore, TokenStore } from './store-types.ts';
import { failureFromText, failureToText, tokenFromText, tokenToText } from './stored-text.ts';
import { tokenKeyText } from './token-key.ts';

const ownerPattern = /^owner:[\w-]{1,64}$/;

/** No lease and no cool-down lives longer; a record that says so was not written by us. */
const maxLeaseMs = 2 * 3_600_000;

/** How long a failure is remembered after its cool-down, so that the next one counts on from it. */
const afterCooldownMs = 60_000;

/** Somebody was faster; who it was, the next look tells. */
const heldByNewcomer: LeaseAnswer = { state: 'held', holder: '' };

interface TokenStoreParts {
  readonly records: RecordStore;
  readonly sealer: Sealer;
  readonly prefix: string;
  readonly timeoutMs: number;
}

/** A store over records, with whatever seals them. */
export const createTokenStore = ({ records, sealer, prefix, timeoutMs }: TokenStoreParts): TokenStore => {
  // The braces keep both records of a key in one slot of a Redis cluster.
  const tokenId = (key: TokenKey): string => `${prefix}:{${sealer.hash(tokenKeyText(key))}}:token`;
  const leaseId = (key: TokenKey): string => `${prefix}:{${sealer.hash(tokenKeyText(key))}}:lease`;
  const ownerText = (owner: string): string => `owner:${owner}`;

  const readToken = async (id: string) => {
    const { nowMs, value } = await records.read(id);
    const text = value === undefined ? undefined : sealer.open(value, id);
    return { nowMs, value, stored: text === undefined ? undefined : tokenFromText(text) };
  };

  const addLease = async (id: string, owner: string, leaseMs: number): Promise<LeaseAnswer> =>
    (await records.add(id, ownerText(owner), leaseMs)) ? { state: 'acquired', attempts: 0 } : heldByNewcomer;

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
      if (value !== undefined && stored !== undefined && sameToken(stored.token, token))
        await records.remove(id, value);
    },
    acquire: async (key, owner, leaseMs) => {
      const id = leaseId(key);
      const { nowMs, value, expiresAtMs = Number.POSITIVE_INFINITY } = await records.read(id);
      if (value === undefined) return addLease(id, owner, leaseMs);
      const leftMs = expiresAtMs - nowMs;
      if (leftMs <= maxLeaseMs && ownerPattern.test(value)) return { state: 'held', holder: value };
      const text = leftMs <= maxLeaseMs ? sealer.open(value, id) : undefined;
      const failure = text === undefined ? undefined : failureFromText(text);
      if (failure === undefined) {
        // Foreign bytes would hold this key up for as long as they lie here.
        await records.remove(id, value);
        return addLease(id, owner, leaseMs);
      }
      const remainingMs = leftMs - afterCooldownMs;
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
      const sealed = sealer.seal(failureToText(failure), id);
      await records.replace(id, ownerText(owner), sealed, durationMs + afterCooldownMs);
    },
    close: records.close,
  };
};
