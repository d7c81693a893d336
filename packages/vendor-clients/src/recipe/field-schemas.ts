import { z } from 'zod';
import { characters, sentence } from './schema-words.ts';

/** The types of the secrets that are private keys, each for the algorithms of one kind of key. */
export const privateKeyTypes = [
  'rsa-private-key',
  'p256-private-key',
  'p384-private-key',
  'ed25519-private-key',
] as const;

/** The type of a private key. */
export type PrivateKeyType = (typeof privateKeyTypes)[number];

/** Returns whether a secret of this type is a private key. */
export function isPrivateKeyType(type: string | undefined): type is PrivateKeyType {
  return privateKeyTypes.some((one) => one === type);
}

export const secretSchema = z.strictObject({
  description: sentence.describe('A complete sentence for the reference of options.'),
  type: z
    .enum(['text', 'base64', ...privateKeyTypes])
    .default('text')
    .describe('The form of the secret. `base64` is the text of a binary key. A private key is in PEM.'),
});

const example = z
  .json()
  .optional()
  .describe('A value for development. Absent: the first of `values`, or one that is made from the name.');

export const optionSchema = z.strictObject({
  description: sentence.describe('A complete sentence for the reference of options.'),
  type: z
    .enum(['text', 'number', 'flag', 'list'])
    .default('text')
    .describe('The type of the option. A `list` holds texts.'),
  values: z.array(z.string().min(1)).min(1).optional().describe('The texts that the option may be. Absent: any.'),
  characters: characters.optional(),
  max: z
    .int()
    .min(1)
    .optional()
    .describe('The most characters of a text or of a member of a list, or the largest number.'),
  default: z.json().optional().describe('The value without the option. Absent: the option is required.'),
  optional: z.literal(true).optional().describe('Whether the option may be left out although it has no default.'),
  example,
});

export const parameterSchema = z.strictObject({
  description: sentence.describe('A complete sentence for the page of the vendor.'),
  type: z.enum(['text', 'number', 'flag', 'list', 'json']).default('text').describe('The type of the parameter.'),
  values: z.array(z.string().min(1)).min(1).optional().describe('The texts that it may be. Absent: any.'),
  characters: characters.optional(),
  min: z.int().optional().describe('The smallest number. Default: 0.'),
  max: z
    .int()
    .min(1)
    .optional()
    .describe('The most characters of a text, the most members of a list, or the largest number.'),
  default: z.json().optional().describe('The value if it is not given.'),
  optional: z.literal(true).optional().describe('Whether it may be left out although it has no default.'),
  example,
  from: z
    .enum(['caller', 'policy'])
    .describe('Who sets it: the caller in the request, or the operator in the configuration of the connection.'),
  authorize: z
    .literal(true)
    .optional()
    .describe(
      'Whether the connection must list the values that a caller may set. A value that is not listed is refused.',
    ),
  widens: z
    .literal(true)
    .optional()
    .describe(
      'Whether a token without the parameter may do more. A caller without the claim from which the operator takes it is then refused.',
    ),
});
