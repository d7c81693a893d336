import { z } from 'zod';
import { Secret, type SecretSlots } from './secret.ts';

/** Part of every simulated credential, so that nothing made for trying is ever taken for real use. */
export const sandboxMarker = 'sandbox-only';

/**
 * A secret as an operator writes it. White space at its ends (the newline of a file) is cut off; any left inside is
 * refused, for no vendor's key has it and headers cannot carry it.
 */
export const secretSchema = z
  .string()
  .trim()
  .min(1, { error: 'must not be empty' })
  .refine((text) => /^[\x21-\x7e]+$/.test(text), { error: 'must be printable ASCII without white space' })
  .transform((text) => new Secret(text));

/** A secret, or two of them: `{ current, next }` while it is being rotated. */
export const secretSlotsSchema = z.union([
  secretSchema.transform((current): SecretSlots => ({ current })),
  z.strictObject({ current: secretSchema, next: secretSchema.optional() }),
]);
