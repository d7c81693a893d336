import { describeSchemaProblems, type Secret } from '@valetkey/core-types';
import { z } from 'zod';
import { objectWithFunctions } from './object-schema.ts';
import { createSealer } from './sealer.ts';
import { sealingKeysSchema, secretObjectSchema } from './sealing-keys.ts';
import { createStoreOverRecords } from './store-over-records.ts';
import type { RecordStore, TokenStore } from './store-types.ts';

/** Returns the options that every sealing store has. `secret` parses the secrets of its keys. */
export function sealedStoreShape<Input>(secret: z.ZodType<Secret, Input>) {
  return {
    sealingKeys: sealingKeysSchema(secret),
    prefix: z
      .string()
      .regex(/^[\w:.-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, : . - or _' })
      .default('valetkey')
      .describe('The beginning of every name in the store, so that one server can serve several deployments.'),
    timeoutMs: z
      .number()
      .min(1)
      .max(60_000)
      .default(250)
      .describe('Milliseconds that one call to the store may take before the cache continues without it.'),
  };
}

const optionsSchema = z.strictObject({
  ...sealedStoreShape(secretObjectSchema),
  records: objectWithFunctions<RecordStore>(['read', 'write', 'add', 'replace', 'remove', 'close']).describe(
    'Where the sealed values are kept.',
  ),
});

/** The options of {@link createSealedStore}. */
export type SealedStoreOptions = z.input<typeof optionsSchema>;

/**
 * Creates a store for the cache over your own records: it names them by a keyed hash and seals what it writes into them.
 *
 * Throws a `TypeError` that names every invalid option.
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
export function createSealedStore(options: SealedStoreOptions): TokenStore {
  const { data, error } = optionsSchema.safeParse(options);
  if (error !== undefined) {
    throw new TypeError(`The options of the sealed store are invalid: ${describeSchemaProblems(error)}`);
  }
  const { records, prefix, timeoutMs, sealingKeys } = data;
  return createStoreOverRecords({ records, sealer: createSealer(sealingKeys), prefix }, timeoutMs);
}
