import { z } from 'zod';
import { issuerFieldSchema } from './issuer-fields.ts';
import { conditionSchema } from './policy-rules.ts';

/** Parses which users of an identity provider are operators. */
export const operatorsSchema = z.strictObject({
  issuer: z
    .lazy(() => issuerFieldSchema)
    .describe(
      'The identity provider: an issuer record, or a preset by name, as under `issuers`. It needs audiences of its own, which no app uses. It has no `introspection` and no `resolver`.',
    ),
  require: z
    .lazy(() => conditionSchema)
    .describe(
      'The condition that a user must satisfy to be an operator, in the language of [policies](policy.md). It is required, because otherwise every user of the identity provider would be an operator.',
    ),
  actorClaim: z
    .string()
    .min(1)
    .max(256)
    .default('sub')
    .describe(
      'The claim that the log and the audit name first in the actor of a change, such as `email`: a text of at most 128 characters. The subject and the issuer follow it.',
    ),
});

/** Which users of an identity provider are operators. */
export type OperatorsField = z.output<typeof operatorsSchema>;
