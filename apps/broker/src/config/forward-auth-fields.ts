import { z } from 'zod';
import { forwardAuthPolicySchema } from './policy-rules.ts';

/** Parses the section `forwardAuth`. */
export const forwardAuthSchema = z
  .strictObject({
    headerPrefix: z
      .string()
      .regex(/^([a-z][a-z0-9]*-)+$/, { error: 'must be lower-case words, each followed by a hyphen' })
      .default('x-valetkey-')
      .describe(
        'The prefix of the session headers in the responses of `/v1/resolve` and `/v1/authorize`, as in `x-valetkey-user-id`.',
      ),
    policy: forwardAuthPolicySchema
      .optional()
      .describe('Which users `/v1/authorize` and `/v1/resolve` let through. Absent: all.'),
  })
  .prefault({})
  .describe('Forward authentication: a proxy asks the broker which user sent a request.');
