import type { Secret } from '@valetkey/core-types';
import { z } from 'zod';
import { objectWithFunctions } from './object-schema.ts';

/** A key that seals tokens before they leave the process. */
export interface SealingKey<SecretValue = Secret> {
  readonly id: string;
  readonly secret: SecretValue;
}

const minSecretLength = 32;

/** Accepts a `Secret` of any installed copy of `@valetkey/core-types`. */
export const secretObjectSchema = objectWithFunctions<Secret>(['reveal'], 'must be a Secret');

/**
 * Returns the schema of sealing keys. `secret` is the schema of their secrets, which are strings in a configuration
 * file.
 */
export function sealingKeysSchema<SecretInput>(
  secret: z.ZodType<Secret, SecretInput>,
): z.ZodType<readonly SealingKey[], readonly SealingKey<SecretInput>[]> {
  const sealingKeySchema = z.strictObject({
    id: z
      .string()
      .regex(/^[\w-]{1,32}$/, { error: 'must be 1 to 32 letters, digits, - or _' })
      .describe(
        'The name of this key: 1 to 32 letters, digits, `-` or `_`. Each value that the key sealed carries this name.',
      ),
    secret: secret
      .refine((value) => value.reveal().length >= minSecretLength, {
        error: `must have at least ${minSecretLength} characters`,
      })
      // For editors: a JSON Schema cannot contain the check above.
      .meta({ minLength: minSecretLength })
      .describe('At least 32 random characters, such as the output of `openssl rand -base64 32`.'),
  });
  return z
    .array(sealingKeySchema)
    .min(1, { error: 'must have at least one key' })
    .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, { error: 'must have different ids' })
    .describe(
      'The keys that seal tokens before they leave the process. The first key seals; every key opens. To rotate: add the new key at the end and deploy, move it to the front and deploy, remove the old key and deploy. Names in the store are hashed with the key whose id sorts first, so choose ids that sort by age, such as `2026-11`.',
    );
}
