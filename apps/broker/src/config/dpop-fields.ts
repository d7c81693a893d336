import { secretSchema } from '@valetkey/core-types';
import { z } from 'zod';

/** Parses the section `dpop`. The rules of each identity provider are in its own record. */
export const dpopFieldsSchema = z
  .strictObject({
    nonceKey: secretSchema
      .refine((key) => key.reveal().length >= 32, {
        error: 'must have at least 32 characters; create it with `openssl rand -base64 32`',
      })
      .optional()
      .describe(
        'The key, of at least 32 characters, from which the nonces of `dpop.nonceRequired` are derived. Brokers that serve the same callers need the same key. Absent: each broker has its own, which changes at each start.',
      ),
  })
  .prefault({})
  .describe('What the identity providers with `dpop` share.');
