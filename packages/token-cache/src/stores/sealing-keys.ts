import type { Secret } from '@valetkey/core-types';
import { z } from 'zod';
import { objectWithFunctions } from './object-schema.ts';

/** A key that seals tokens before they leave the process. */
export interface SealingKey<SecretValue = Secret> {
  readonly id: string;
  readonly secret: SecretValue;
}

const minSecretLength = 32;

/** A `Secret`, of whichever installed copy of `@valetkey/core-types`. */
export const secretObjectSchema = objectWithFunctions<Secret>(['reveal'], 'must be a Secret');

/** Returns the schema of sealing keys. `secret` parses their secrets: text in a configuration file, a `Secret` in code. */
export function sealingKeysSchema<SecretInput>(
  secret: z.ZodType<Secret, SecretInput>,
): z.ZodType<readonly SealingKey[], readonly SealingKey<SecretInput>[]> {
  const sealingKeySchema = z.strictObject({
    id: z
      .string()
      .regex(/^[\w-]{1,32}$/, { error: 'must be 1 to 32 letters, digits, - or _' })
      .describe(
        'The name that is written beside each value that this key sealed: 1 to 32 letters, digits, `-` or `_`.',
      ),
    secret: secret
      .refine((value) => value.reveal().length >= minSecretLength, {
        error: `must have at least ${minSecretLength} characters`,
      })
      .describe('At least 32 random characters, such as the output of `openssl rand -base64 32`.'),
  });
  return z
    .array(sealingKeySchema)
    .min(1, { error: 'must have at least one key' })
    .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, { error: 'must have different ids' })
    .describe(
      'The keys that seal tokens before they leave the process. The first key seals; every key opens. To rotate: add the new key at the end, then move it to the front, then remove the old one. Names are hashed under the key whose id sorts first, so let ids sort by age.',
    );
}
