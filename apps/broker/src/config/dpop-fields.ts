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
    maxProofsPerPrincipal: z
      .int()
      .min(1)
      .default(2000)
      .describe(
        'The most DPoP proofs of one principal that are remembered at the same time, over all brokers that share the store. A proof is remembered for about `maxAgeSeconds` and twice `clockToleranceSeconds` of its issuer, 71 seconds by default, so 2000 proofs are 28 requests per second. The broker refuses a further request of this principal with `rate_limited` until a proof expires.',
      ),
  })
  .prefault({})
  .describe('What the identity providers with `dpop` share.');
