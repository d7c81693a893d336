import type { TokenKey } from '@valetkey/core-types';
import { z } from 'zod';
import { sameToken } from './same-token.ts';
import { createSealer, type SealingKey, sealingKeysSchema } from './sealing.ts';
import type { RecordStore, TokenStore } from './store-types.ts';
import { failureFromText, failureToText, tokenFromText, tokenToText } from './stored-text.ts';
import { tokenKeyText } from './token-key.ts';

/** How {@link createSealedStore} is set up. */
export interface SealedStoreOptions {
  readonly records: RecordStore;
  /** The first seals; each opens. To rotate: add the new key at the end, then move it to the front, then drop the old. */
  readonly sealingKeys: readonly SealingKey[];
  /** Before each id, so that one server serves several deployments. Default `valetkey`. */
  readonly prefix?: string | undefined;
  /** Milliseconds that one call may take before the cache goes on without. Default 250. */
  readonly timeoutMs?: number | undefined;
}

/** What every store that seals can be told, beside its records. */
export const sealedStoreShape = {
  sealingKeys: sealingKeysSchema,
  prefix: z
    .string()
    .regex(/^[\w:.-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, : . - or _' })
    .default('valetkey'),
  timeoutMs: z.number().min(1).max(60_000).default(250),
};

const ownerPattern = /^owner:[\w-]{1,64}$/;

/** No lease and no cool-down lives longer; a record that says so was not written by us. */
const maxLeaseMs = 2 * 3_600_000;

/**
 * A store for the cache over records of your own: it names them by a keyed hash and seals what it puts into them.
 *
 * Throws a `TypeError` that names what is wrong with the options.
 *
 * @example
 * ```ts
 * import { Secret } from '@valetkey/core-types';
 * import { createTokenCache } from '@valetkey/token-cache';
 * import { createMemoryRecords } from '@valetkey/token-cache/conformance';
 * import { createSealedStore } from '@valetkey/token-cache/store';
 *
 * const sealingKeys = [{ id: '2026-11', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
 * const store = createSealedStore({ records: createMemoryRecords(), sealingKeys });
 * const cache = createTokenCache({ store });
 * ```
 */
export const createSealedStore = ({ records, ...options }: SealedStoreOptions): TokenStore => {
  const parsed = z.strictObject(sealedStoreShape).safeParse(options);
  if (!parsed.success) throw new TypeError(`The options of the store are wrong.\n${z.prettifyError(parsed.error)}`);
  const { prefix, timeoutMs, sealingKeys } = parsed.data;
  const sealer = createSealer(sealingKeys as [SealingKey, ...SealingKey[]]);

  // The braces keep both records of a key in one slot of a Redis cluster.
  const tokenId = (key: TokenKey): string => `${prefix}:{${sealer.hash(tokenKeyText(key))}}:token`;
  const leaseId = (key: TokenKey): string => `${prefix}:{${sealer.hash(tokenKeyText(key))}}:lease`;
  const ownerText = (owner: string): string => `owner:${owner}`;

  const readToken = async (id: string) => {
    const { nowMs, value } = await records.read(id);
    const text = value === undefined ? undefined : sealer.open(value, id);
    return { nowMs, value, stored: text === undefined ? undefined : tokenFromText(text) };
  };

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
      if (value !== undefined) {
        const remainingMs = expiresAtMs - nowMs;
        const text = sealer.open(value, id);
        const failure = text === undefined ? undefined : failureFromText(text);
        if (remainingMs <= maxLeaseMs) {
          if (failure !== undefined) return { state: 'cooling', failure, remainingMs };
          if (ownerPattern.test(value)) return { state: 'held' };
        }
        // Foreign bytes would hold this key up for as long as they lie here.
        await records.remove(id, value);
      }
      return { state: (await records.add(id, ownerText(owner), leaseMs)) ? 'acquired' : 'held' };
    },
    renew: (key, owner, leaseMs) => records.replace(leaseId(key), ownerText(owner), ownerText(owner), leaseMs),
    release: async (key, owner) => {
      await records.remove(leaseId(key), ownerText(owner));
    },
    coolDown: async (key, owner, failure, durationMs) => {
      const id = leaseId(key);
      await records.replace(id, ownerText(owner), sealer.seal(failureToText(failure), id), durationMs);
    },
    close: records.close,
  };
};
