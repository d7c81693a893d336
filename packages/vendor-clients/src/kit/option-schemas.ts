import { secureUrlSchema } from '@valetkey/core-types';
import { z } from 'zod';
import { namesUncallableHost } from './egress/addresses.ts';

/**
 * Parses a vendor's base URL: https, or loopback during development. Slashes at its end are removed. A private address is
 * refused when the vendor is created, unless the egress allows it.
 */
export const baseUrlSchema = secureUrlSchema
  .refine((url) => !URL.canParse(url) || !namesUncallableHost(url), {
    error: 'must not name an address that may never be called',
  })
  .transform((url) => url.replace(/\/+$/, ''));

/** Parses the total time of one operation, in milliseconds. Every vendor has this option. */
export const timeoutMsSchema = z
  .int()
  .min(1)
  .max(120_000)
  .default(5_000)
  .describe(
    'The longest time, in milliseconds, that one operation at the vendor may take, including repetitions and the attempt with a second credential.',
  );
