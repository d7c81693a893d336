import { secureUrlSchema } from '@valetkey/core-types';
import { z } from 'zod';
import { namesRefusedAddress } from './door/egress.ts';

/** Parses a vendor's base URL: https, or loopback during development. Slashes at its end are removed. */
export const baseUrlSchema = secureUrlSchema
  .refine((url) => !URL.canParse(url) || !namesRefusedAddress(url), { error: 'must not name a private address' })
  .transform((url) => url.replace(/\/+$/, ''));

/** Parses the total time of one operation, in milliseconds. Every vendor has this option. */
export const timeoutMsSchema = z
  .int()
  .min(1)
  .max(120_000)
  .default(5_000)
  .describe('The total time of one operation, in milliseconds, including repetitions and a second credential.');
