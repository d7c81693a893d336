import { z } from 'zod';
import { name, template, value, values } from './schema-words.ts';

/** The schema of a request. */
export const requestSchema = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).describe('The HTTP method.'),
  path: template.regex(/^\//, { error: 'must begin with a slash' }).describe('The path below `baseUrl`, a template.'),
  query: values.optional().describe('The fields of the query.'),
  headers: z
    .record(z.string().regex(/^[a-z][a-z0-9-]*$/, { error: 'must be lower-case words joined by hyphens' }), template)
    .default({})
    .describe('The headers, in lower case.'),
  json: value.optional().describe('The body, which is sent as JSON.'),
  form: values.optional().describe('The body, which is sent as a form. Nested fields are written as `a[b]`.'),
  sign: z
    .strictObject({
      signer: z.literal('aws-sigv4').describe('Signature Version 4 of AWS.'),
      service: template.describe('The name of the service, such as `sts`.'),
      region: template.describe('The region, such as `{options.region}`.'),
      accessKeyId: template.describe('The id of the access key, such as `{options.accessKeyId}`.'),
      secretAccessKey: template.describe('The secret of the access key, such as `{secrets.secretAccessKey}`.'),
    })
    .optional()
    .describe('Signs the finished request.'),
  read: z.enum(['json', 'text', 'xml']).default('json').describe('How the response is read.'),
  expected: z.array(z.int().min(200).max(299)).min(1).default([200]).describe('The statuses of a success.'),
  repeatable: z
    .boolean()
    .default(false)
    .describe('Whether sending the call twice does no harm, so that it is repeated after a temporary failure.'),
});

const algorithms = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
] as const;

const jwtSchema = z.strictObject({
  header: z
    .looseObject({ alg: z.enum(algorithms).describe('The algorithm (RFC 7518).') })
    .catchall(value)
    .describe('The header, with its members in the order in which they are written.'),
  claims: values.describe('The claims, in the order in which they are written. `exp` must be `{expiry}`.'),
  key: template.describe('The key, such as `{secrets.apiSecret}`.'),
});

const digest = z.enum(['sha1', 'sha256', 'sha384', 'sha512']);
const signSchema = z.strictObject({
  hmac: digest.optional().describe('The digest of an HMAC with `key`. Absent: the plain digest of `digest`.'),
  digest: digest.optional().describe('The digest without a key.'),
  signature: z
    .enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA'])
    .optional()
    .describe('The algorithm of a signature with the private key `key` (RFC 7518 section 3).'),
  key: template.optional().describe('The key of the HMAC or of the signature, such as `{secrets.apiSecret}`.'),
  message: template.describe('The text that is signed.'),
  encoding: z.enum(['hex', 'base64', 'base64url']).describe('How the result is written.'),
});

const codecSchema = z.strictObject({
  codec: z.literal('agora-007').describe('The binary token of Agora, version 007.'),
  appId: template.describe('The id of the app, 32 hexadecimal digits.'),
  certificate: template.describe('The certificate of the app, such as `{secrets.appCertificate}`.'),
  channel: template.describe('The channel.'),
  user: template.describe('The user in the channel.'),
  privileges: z
    .array(z.enum(['join', 'publish-audio', 'publish-video', 'publish-data']))
    .min(1)
    .describe('What the user may do in the channel.'),
});

const stepName = name.describe('The name by which later templates read the result.');
/** The schema of a step. */
export const stepSchema = z.union([
  z.strictObject({ as: stepName, http: requestSchema.describe('Sends a request.') }),
  z.strictObject({ as: stepName, jwt: jwtSchema.describe('Signs a JSON Web Token (RFC 7519).') }),
  z.strictObject({ as: stepName, sign: signSchema.describe('Computes an HMAC, a digest or a signature.') }),
  z.strictObject({ as: stepName, codec: codecSchema.describe('Writes a token in a form of its vendor.') }),
  z.strictObject({ set: z.record(name, value).describe('Names values for later templates.') }),
]);

export type RecipeRequest = z.output<typeof requestSchema>;
export type RecipeStep = z.output<typeof stepSchema>;
export type RecipeSign = z.output<typeof signSchema>;
export type RecipeJwt = z.output<typeof jwtSchema>;
export type RecipeCodec = z.output<typeof codecSchema>;
