import { z } from 'zod';
import { createSealer, type SealingKey, sealingKeysSchema } from './sealing.ts';
import type { RecordStore, TokenStore } from './store-types.ts';
import { createTokenStore } from './token-store.ts';

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
  return createTokenStore({ records, sealer: createSealer(sealingKeys), prefix, timeoutMs });
};
