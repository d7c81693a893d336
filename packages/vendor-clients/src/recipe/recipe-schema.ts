import { z } from 'zod';
import { optionSchema, parameterSchema, secretSchema } from './field-schemas.ts';
import { characters, name, sentence, template, value, wireName } from './schema-words.ts';
import { requestSchema, stepSchema } from './step-schema.ts';

const serviceSchema = z.strictObject({
  tokenUrl: template.describe('The URL of the token endpoint, a template like `baseUrl`.'),
  clientId: template.describe('The id of the client, such as `{options.clientId}`.'),
  clientSecret: template.describe('The secret of the client, such as `{secrets.clientSecret}`.'),
  scope: z.string().min(1).max(400).optional().describe('The scope that is requested.'),
  encoding: z.enum(['form', 'json']).default('form').describe('How the request is written.'),
});

const expirySchema = z.union([
  z.literal('asked').describe('The token lives as long as `life` says.'),
  z.literal('unknown').describe('The vendor does not say how long it lives.'),
  z.strictObject({ seconds: z.int().min(1).describe('Every token lives that many seconds.') }),
  z.strictObject({ in: template.describe('The seconds that the token lives, such as `{mint.expires_in}`.') }),
  z.strictObject({ at: template.describe('The moment of its expiry: seconds, milliseconds or a date of ISO 8601.') }),
]);

const wireFields = z.record(z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,59}$/), template);
const answerSchema = z.strictObject({
  token: wireFields.describe('The fields that hold a credential. The first one is the plain-text answer.'),
  details: wireFields.default({}).describe('The fields that hold none.'),
  expiry: expirySchema.describe('How long the token lives.'),
  uses: z
    .enum(['many', 'once'])
    .default('many')
    .describe('How often the token works. A client keeps none that works once, and requests one for each use.'),
});

const lifeSchema = z.strictObject({
  default: z.int().min(1).describe('The seconds that a token lives if the operator sets none.'),
  min: z.int().min(1).default(1).describe('The fewest seconds that the vendor accepts.'),
  max: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .describe('The most seconds that the vendor accepts.'),
});

const subjectSchema = z.strictObject({
  characters,
  max: z.int().min(1).max(255).describe('The most characters that the vendor accepts in the id of a user.'),
  otherwise: z.enum(['hash', 'refuse']).describe('What becomes of an id that does not fit.'),
  givenBy: z
    .enum(['broker', 'vendor'])
    .default('broker')
    .describe(
      'Who gives a user its id: the broker, or the vendor. Ids of the vendor come from a claim, or from the mapping of the operator.',
    ),
});

const ensureSchema = z.strictObject({
  rule: z
    .enum(['upsert', 'exists-is-fine', 'conflict-carries-id', 'find-then-create', 'create-once-and-store'])
    .describe('What the vendor does with a user that exists.'),
  find: requestSchema.optional().describe('Finds the user. Its result is `found`, and status 404 means no user.'),
  create: requestSchema.describe('Creates the user. Its result is `created`. `{user.id}` is our name for the person.'),
  conflict: z.int().min(400).max(499).optional().describe('The status that means that the user exists.'),
  userId: template.describe('The id of the user at the vendor, such as `{created.id}` or `{user.id}`.'),
  foundUserId: template.optional().describe('The id in the response of `find`, or in that of a conflict.'),
});

const fieldsSchema = z.record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()]));

const errorSchema = z.strictObject({
  status: z.int().min(400).max(499).describe('The status of the response.'),
  code: z
    .enum(['vendor_user_not_found', 'vendor_rejected', 'vendor_auth_failed', 'vendor_unavailable', 'forbidden'])
    .describe('The code of the broker’s error.'),
  detail: sentence.describe('A complete sentence that says what happened.'),
  advice: sentence.optional().describe('What the operator should check.'),
  when: fieldsSchema
    .optional()
    .describe('The fields that the response must have, such as `error.code`. Absent: every response with this status.'),
});

const verifySchema = requestSchema.extend({
  refusal: z
    .strictObject({
      status: z.int().min(400).max(499).describe('The status of the response.'),
      when: fieldsSchema.describe('The fields that the response must have, such as `error.code`.'),
    })
    .optional()
    .describe('A refusal that shows as well that the secret is right, such as one that names an unknown object.'),
});

const endpointSchema = z.strictObject({
  methods: z
    .array(z.enum(['GET', 'POST']))
    .min(1)
    .default(['POST'])
    .describe('The methods that the SDK sends.'),
  parameters: z
    .record(wireName, z.string().regex(/^[A-Za-z][\w.-]{0,99}$/))
    .default({})
    .describe(
      'The field of the SDK’s request for each parameter, such as `room: room_name`. Other fields are ignored.',
    ),
  respond: z
    .strictObject({
      status: z.int().min(200).max(299).default(200),
      type: z.enum(['application/json', 'text/plain']).default('application/json'),
      body: value.describe('The body: JSON, or one text that is sent as it is. It reads the fields of `answer`.'),
    })
    .describe('The response that the SDK expects.'),
  refuse: value
    .describe(
      'The body of an error, in the vendor’s words. It reads `{error.code}`, `{error.detail}` and `{error.status}`.',
    )
    .default({ error: '{error.code}', message: '{error.detail}' }),
});

/** The schema of a recipe. Every object is strict. */
export const recipeSchema = z.strictObject({
  $schema: z.string().optional().describe('The address of the JSON Schema, for editors.'),
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'must be lower-case words joined by hyphens' })
    .describe('The name of the vendor in the configuration.'),
  title: z
    .string()
    .regex(/^[^\p{Cc}]{1,60}$/u, { error: 'must be a name of 1 to 60 characters' })
    .describe('The name of the vendor in texts.'),
  secrets: z.record(name, secretSchema).describe('The credentials. Each may have a second slot while it is rotated.'),
  options: z.record(name, optionSchema).default({}).describe('What else an operator configures.'),
  service: serviceSchema
    .optional()
    .describe(
      'Requests an access token by client credentials (RFC 6749 section 4.4) and keeps it. Headers read `{service.token}`.',
    ),
  baseUrl: template
    .optional()
    .describe('The URL below which requests are sent. An operator may set another one. Required by `http`.'),
  parameters: z.record(wireName, parameterSchema).default({}).describe('What varies from token to token.'),
  subject: subjectSchema.optional().describe('Which ids of users the vendor accepts. Required if `binding` is `user`.'),
  binding: z.enum(['user', 'account']).describe('Whether a token names a user, or works for the whole account.'),
  keep: z
    .enum(['never', 'account'])
    .describe('Whether the broker may return one token to several users. Only a token of the account may be kept.'),
  life: lifeSchema.optional().describe('How long a token lives. Absent: the vendor decides.'),
  ensure: ensureSchema.optional().describe('How the user is created at the vendor. Absent: the name alone is enough.'),
  steps: z.array(stepSchema).min(1).max(12).describe('What is done for a token, in this order.'),
  answer: answerSchema.describe('What the caller receives.'),
  errors: z
    .array(errorSchema)
    .default([])
    .describe('What the vendor’s refusals mean where it is not the usual meaning.'),
  errorFields: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'The fields of which the vendor’s own errors have at least one. A 401 or 403 without them comes from a firewall on the way. Absent: the customary ones, such as `error` and `message`.',
    ),
  revoke: z
    .strictObject({
      set: z.record(name, value).default({}).describe('Names values for the request.'),
      http: requestSchema.describe('Withdraws every token of `{user.id}`.'),
    })
    .optional()
    .describe('How the tokens of a user are withdrawn. The broker does it when an operator blocks the user.'),
  endpoint: endpointSchema
    .optional()
    .describe(
      'What the vendor’s own client SDK expects of "your backend", if it can send the app’s token in a header.',
    ),
  verify: verifySchema
    .optional()
    .describe('A request without effect that only a right secret passes. `valetkey doctor` sends it.'),
  docs: z
    .strictObject({
      hook: sentence.describe('Where the vendor’s client SDK takes the token, such as `accessToken`, a function.'),
      withdrawal: sentence.describe('How a token is withdrawn before its expiry, if it can be.'),
    })
    .optional()
    .describe('Facts for the table of vendors.'),
  sample: z
    .record(name, z.json())
    .default({})
    .describe('A response of the vendor for each `http` step, by its name. The sandbox sends it.'),
});

/** A recipe as it is written. */
export type RecipeInput = z.input<typeof recipeSchema>;
/** A recipe with its defaults. */
export type Recipe = z.output<typeof recipeSchema>;
export type RecipeParameter = z.output<typeof parameterSchema>;
export type RecipeOption = z.output<typeof optionSchema>;
export type RecipeSubject = z.output<typeof subjectSchema>;
export type RecipeEnsure = z.output<typeof ensureSchema>;
export type RecipeEndpoint = z.output<typeof endpointSchema>;
export type RecipeService = z.output<typeof serviceSchema>;
export type RecipeLife = z.output<typeof lifeSchema>;
