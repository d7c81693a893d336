import { describeSchemaProblems, type Secret } from '@valetkey/core-types';
import { z } from 'zod';
import { objectWithFunctions } from './object-schema.ts';
import { createSealer } from './sealer.ts';
import { sealingKeysSchema, secretObjectSchema } from './sealing-keys.ts';
import { createStoreOverRecords } from './store-over-records.ts';
import type { RecordStore, TokenStore } from './store-types.ts';

/**
 * Returns the schemas of the options that every sealed store has. `secret` is the schema of the secrets of its sealing
 * keys.
 */
export function sealedStoreShape<Input>(secret: z.ZodType<Secret, Input>) {
  return {
    sealingKeys: sealingKeysSchema(secret),
    prefix: z
      .string()
      .regex(/^[\w:.-]{1,64}$/, { error: 'must be 1 to 64 letters, digits, : . - or _' })
      .default('valetkey')
      .describe('The prefix of every name in the store. Deployments with different prefixes can share one server.'),
    timeoutMs: z
      .number()
      .min(1)
      .max(60_000)
      .default(250)
      .describe(
        'The milliseconds that one call to the store may take. After that time, the cache continues without the store.',
      ),
  };
}

const optionsSchema = z.strictObject({
  ...sealedStoreShape(secretObjectSchema),
  records: objectWithFunctions<RecordStore>(['read', 'write', 'add', 'replace', 'remove', 'close']).describe(
    'Your record store, which keeps the sealed values.',
  ),
});

/** The options of {@link createSealedStore}. */
export type SealedStoreOptions = z.input<typeof optionsSchema>;

/**
 * Creates a store for the cache over your own record store. It seals the values of the records, and uses keyed hashes
 * as their names.
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
    throw new TypeError(`The options of the sealed store are invalid: ${describeSchemaProblems(error, optionsSchema)}`);
  }
  const { records, prefix, timeoutMs, sealingKeys } = data;
  return createStoreOverRecords({ records, sealer: createSealer(sealingKeys), prefix }, timeoutMs);
}
