import {
  claimMarkSchema,
  describeSchemaProblems,
  documentUrlSchema,
  issuerSchema,
  signatureAlgorithms,
  type ClaimMark,
  type IssuerOptions,
  type SignatureAlgorithm,
} from '@valetkey/core-types';
import { z } from 'zod';

/** Fields of the record, by which a person can correct what a preset assumes. */
const overridesSchema = z
  .record(z.string(), z.unknown())
  .optional()
  .describe('Fields of the issuer record that replace those of the preset.');

/** The fields that every preset has. */
export const commonShape = {
  machines: z
    .boolean()
    .default(false)
    .describe('Whether tokens that a machine got for itself (client credentials) are accepted.'),
  machineMarks: z
    .array(claimMarkSchema)
    .optional()
    .describe('The marks of such tokens, in place of those of the preset: one of them is enough.'),
  requiredClaims: issuerSchema.shape.requiredClaims.describe(
    'Further claims that every token must carry, with their accepted values, or `any`: `org_id: [org_1]`. They are added to those of the preset.',
  ),
  jwksUri: documentUrlSchema
    .optional()
    .describe("The URL of the provider's public keys, if the preset's is wrong for you."),
  algorithms: z
    .array(z.enum(signatureAlgorithms))
    .min(1)
    .optional()
    .describe("The signature algorithms that the provider's tokens may use, in place of those of the preset."),
  maxLifetimeSeconds: z
    .number()
    .positive()
    .optional()
    .describe('The longest life of a token in seconds, in place of that of the preset.'),
  record: overridesSchema,
};

/** What {@link commonShape}, and the fields that several presets share, are parsed to. */
interface CommonOptions {
  readonly machines: boolean;
  readonly machineMarks?: ClaimMark[] | undefined;
  readonly requiredClaims: z.output<typeof commonShape.requiredClaims>;
  readonly jwksUri?: string | undefined;
  readonly algorithms?: SignatureAlgorithm[] | undefined;
  readonly maxLifetimeSeconds?: number | undefined;
  readonly anonymous?: boolean | undefined;
  readonly anonymousMarks?: ClaimMark[] | undefined;
  readonly clientIds?: string | readonly string[] | undefined;
  readonly record?: Readonly<Record<string, unknown>> | undefined;
}

/** The field of presets whose provider signs in anonymous users. */
export const anonymousShape = {
  anonymous: z.boolean().default(false).describe('Whether tokens of anonymous users are accepted.'),
  anonymousMarks: z
    .array(claimMarkSchema)
    .optional()
    .describe('The marks of such tokens, in place of those that the broker knows: one of them is enough.'),
};

/** The text or list of texts of an option, as a list. */
export const listSchema = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

/** Parses a text without the `https://` and the slash at the end that a person may have copied with it. */
export const bareUrlSchema = z.string().transform((text) => text.replace(/^https:\/\//, '').replace(/\/+$/, ''));

/** Parses the name of a host without scheme and path. */
export const domainSchema = bareUrlSchema.refine((text) => /^[a-z0-9.-]+(:\d+)?$/i.test(text) && text.includes('.'), {
  error: 'must be the name of a host, such as id.example.com, without a path',
});

/** Parses a base URL; slashes at its end are dropped. */
export const baseUrlSchema = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:\/\//.test(text), { error: 'must be an https URL' })
  .transform((text) => text.replace(/\/+$/, ''));

/** The client ids of the apps whose tokens are accepted. */
export const clientIdsSchema = listSchema.describe('The client ids of the apps whose tokens are accepted.');

/** The OAuth clients of a project whose session tokens name no client. */
export const oauthClientsSchema = listSchema
  .optional()
  .describe("The client ids of the project's OAuth clients whose tokens are accepted. Absent: only sessions.");

/** The option of presets whose provider lets one person act for another. */
export const impersonationSchema = z
  .boolean()
  .default(false)
  .describe('Whether tokens of a person who acts for the user are accepted.');

/** Returns a text or list of texts as a list. */
export function toList(value: string | readonly string[]): string[] {
  return typeof value === 'string' ? [value] : [...value];
}

/** Parses the options of a preset. Throws a `TypeError` that names each wrong option, never its value. */
export function parseOptions<Output>(options: z.ZodType<Output>, value: unknown): Output {
  const { success, data, error } = options.safeParse(value);
  if (success) return data;
  throw new TypeError(describeSchemaProblems(error, options, value));
}

/** The marks of tokens that are refused, and what to do about them. */
interface ForbiddenTokens {
  readonly forbiddenClaims: ClaimMark[];
  readonly remediations: Record<string, string>;
}

/**
 * Returns the rules of a provider whose session tokens name no client: the tokens of an OAuth client look like them, but name
 * it in one of these claims.
 */
export function oauthClientRules(
  oauthClients: z.output<typeof oauthClientsSchema>,
  clientClaims: string[],
): Pick<IssuerOptions, 'clientIds' | 'clientClaims' | 'clientOptional'> & ForbiddenTokens {
  const advice =
    "Send the session's token. To accept the tokens of an OAuth client of the project, list it in oauthClients.";
  if (oauthClients !== undefined) {
    return {
      clientIds: toList(oauthClients),
      clientClaims,
      clientOptional: true,
      forbiddenClaims: [],
      remediations: { wrong_client: advice },
    };
  }
  return {
    forbiddenClaims: clientClaims.map((claim) => ({ claim })),
    remediations: Object.fromEntries(clientClaims.map((claim) => [claim, advice])),
  };
}

/** Returns the rules for tokens in which one person acts as another: the claim `act` names the person who acts. */
export function impersonationRules(impersonation: boolean): ForbiddenTokens {
  return {
    forbiddenClaims: impersonation ? [] : [{ claim: 'act' }],
    remediations: { act: 'Another person acts for the user. Set impersonation to true if that is wanted.' },
  };
}

/** Returns advice for refusals that names no field which only an issuer record has. */
function commonRemediations(
  { tokenType, audiences }: IssuerOptions,
  clientIds: CommonOptions['clientIds'],
): Record<string, string> {
  return {
    wrong_token_type:
      tokenType === 'id'
        ? 'Send the ID token of the signed-in user.'
        : 'Send the access token, not the ID token or any other token of the provider.',
    ...(audiences !== null && { wrong_audience: `Send a token whose aud is ${audiences.join(' or ')}.` }),
    ...(clientIds !== undefined && {
      wrong_client:
        'Send the access token, not the ID token, of an app that clientIds lists. If the app may call, add its client id to clientIds.',
    }),
  };
}

/** Returns the one place of the keys: that of the options, or else the usual one. */
function placeOfKeys({ jwksUri, record = {} }: CommonOptions, usual: Partial<IssuerOptions>): Partial<IssuerOptions> {
  if (['jwks', 'jwksUri', 'metadataUri'].some((field) => Object.hasOwn(record, field))) return {};
  return jwksUri === undefined ? usual : { jwksUri };
}

/** Adds what is common to all presets to the record of one. */
export function completeRecord(record: IssuerOptions, options: CommonOptions): IssuerOptions {
  const { machines, machineMarks, requiredClaims, algorithms, maxLifetimeSeconds } = options;
  const { anonymous = false, anonymousMarks, clientIds, record: overrides } = options;
  const { jwksUri, metadataUri, ...others } = record;
  return {
    ...others,
    ...placeOfKeys(options, { ...(jwksUri && { jwksUri }), ...(metadataUri && { metadataUri }) }),
    ...(algorithms && { algorithms }),
    ...(maxLifetimeSeconds !== undefined && { maxLifetimeSeconds }),
    ...(clientIds !== undefined && { clientIds: toList(clientIds) }),
    machines: { ...record.machines, ...(machineMarks && { marks: machineMarks }), accepted: machines },
    ...((anonymous || anonymousMarks) && {
      anonymous: { accepted: anonymous, ...(anonymousMarks && { marks: anonymousMarks }) },
    }),
    requiredClaims: { ...requiredClaims, ...record.requiredClaims },
    remediations: {
      ...commonRemediations(record, clientIds),
      machine_token: 'Send the token of a signed-in user. If machines may call as well, set machines to true.',
      ...(options.anonymous !== undefined && {
        anonymous_user: 'Have the user sign in. If anonymous users may call as well, set anonymous to true.',
      }),
      ...record.remediations,
    },
    ...overrides,
  };
}
