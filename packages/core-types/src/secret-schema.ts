import { z } from 'zod';
import { Secret, type SecretSlots } from './credentials.ts';

/** Every credential of the sandbox contains this text, so that `valetkey start` can refuse such a credential. */
export const sandboxMarker = 'sandbox-only';

/**
 * Parses a secret as an operator writes it. White space at its ends, such as the newline of a file, is removed. White space
 * inside is refused, because no vendor's key contains it.
 */
export const secretSchema = z
  .string()
  .trim()
  .min(1, { error: 'must not be empty' })
  .refine((text) => /^[\x21-\x7e]+$/.test(text), { error: 'must be printable ASCII without white space' })
  .transform((text) => new Secret(text));

/** Parses one secret, or two as `{ current, next }` while a secret is being rotated, into {@link SecretSlots}. */
export const secretSlotsSchema = z.union([
  secretSchema.transform((current): SecretSlots => ({ current })),
  z.strictObject({ current: secretSchema, next: secretSchema.optional() }),
]);
