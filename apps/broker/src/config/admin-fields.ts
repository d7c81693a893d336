import { createHash } from 'node:crypto';
import { secretSchema, type SecretSlots } from '@valetkey/core-types';
import { z } from 'zod';

const minLength = 16;
/** Shorter tokens are accepted with a warning. */
const recommendedLength = 32;

/** The actor of a request with `admin.token`. No token under `admin.tokens` has this name. */
export const unnamedActor = 'admin';

/**
 * Parses an admin token. It needs a minimum length, because an attacker who guesses it can change vendor users and blocked users
 * and read the audit.
 */
const adminSecretSchema = secretSchema
  .refine((token) => token.reveal().length >= minLength, {
    error: `must have at least ${minLength} characters; create it with \`openssl rand -base64 32\``,
  })
  .meta({ minLength });

/** Parses one admin token, or two as `{ current, next }`. Each has at least {@link minLength} characters. */
const adminTokenSchema = z.union([
  adminSecretSchema.transform((current): SecretSlots => ({ current })),
  z.strictObject({ current: adminSecretSchema, next: adminSecretSchema.optional() }),
]);

/** The SHA-256 of a token in place of the token. It accepts hexadecimal and base64url. */
const hashedTokenSchema = z.strictObject({
  sha256: z
    .string()
    .regex(/^(?:[0-9A-Fa-f]{64}|[A-Za-z0-9_-]{43}=?)$/, {
      error: 'must be the SHA-256 of the token: 64 hexadecimal digits, or 43 characters of base64url',
    })
    .describe('The SHA-256 of the token, in hexadecimal or base64url. The configuration then contains no secret.'),
});

const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/, {
    error: 'must have 1 to 63 letters, digits, - and _, and begin with a letter or digit',
  })
  .refine((name) => name !== unnamedActor, { error: `must not be \`${unnamedActor}\`, the actor of admin.token` })
  .describe(
    'The name of the person or program that has this token. The log and the audit name it as the actor of each change.',
  );

/** The fields of the admin tokens. */
export const adminTokenShape = {
  token: adminTokenSchema
    .optional()
    .describe(
      'An admin token, of at least 32 characters; the broker accepts 16 with a warning. The log and the audit name its actor `admin`. Without this field, `admin.tokens` and `admin.operators`, the admin API is off and refuses every request.',
    ),
  tokens: z
    .array(
      z.strictObject({
        name: nameSchema,
        token: z
          .union([adminTokenSchema, hashedTokenSchema])
          .describe(
            'The token, of at least 32 characters; the broker accepts 16 with a warning. `{ sha256 }` is the hash of a token in its place.',
          ),
      }),
    )
    .default([])
    .describe('Admin tokens with names: the name of a token is the actor of the changes that are made with it.'),
};

type AdminTokens = z.output<z.ZodObject<typeof adminTokenShape>>;

/** The digest of an accepted admin token, and the actor of the requests that have the token. */
export interface AdminDigest {
  /** The path of the field, such as `admin.tokens.0.token`. */
  readonly field: string;
  readonly actor: string;
  /** The SHA-256 of the token. */
  readonly digest: Buffer;
}

/** Returns the digest by which admin tokens are compared. */
export function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Returns the digests of all accepted admin tokens. The admin API is off if there is none. */
export function listAdminDigests(admin: AdminTokens): AdminDigest[] {
  const secrets = listSecrets(admin).map(({ field, actor, secret }) => ({
    field,
    actor,
    digest: digestOf(secret.reveal()),
  }));
  const hashed = admin.tokens.flatMap(({ name, token }, index) =>
    'sha256' in token ? [{ field: `admin.tokens.${index}.token.sha256`, actor: name, digest: readDigest(token) }] : [],
  );
  return [...secrets, ...hashed];
}

function readDigest({ sha256 }: z.output<typeof hashedTokenSchema>): Buffer {
  return Buffer.from(sha256, sha256.length === 64 ? 'hex' : 'base64url');
}

/** Returns every admin token that the configuration contains itself, with the path of its field. */
function listSecrets({ token, tokens }: AdminTokens) {
  const unnamed = token === undefined ? [] : [{ field: 'admin.token', actor: unnamedActor, slots: token }];
  const named = tokens.flatMap((each, index) =>
    'sha256' in each.token ? [] : [{ field: `admin.tokens.${index}.token`, actor: each.name, slots: each.token }],
  );
  return [...unnamed, ...named].flatMap(({ field, actor, slots: { current, next } }) => [
    { field, actor, secret: current },
    ...(next === undefined ? [] : [{ field: `${field}.next`, actor, secret: next }]),
  ]);
}

/** Returns a problem for each name or token that stands for two actors. */
export function findAmbiguousActors(admin: AdminTokens): string[] {
  const names = new Set<string>();
  const problems: string[] = [];
  for (const [index, { name }] of admin.tokens.entries()) {
    if (names.has(name)) problems.push(`admin.tokens.${index}.name: is the name of another token`);
    names.add(name);
  }
  const actors = new Map<string, string>();
  for (const { field, actor, digest } of listAdminDigests(admin)) {
    const key = digest.toString('hex');
    const other = actors.get(key) ?? actor;
    if (other !== actor) problems.push(`${field}: is also the token of ${other}; give each actor a token of its own`);
    actors.set(key, other);
  }
  return problems;
}

/** Returns a warning for each admin token that a later version will refuse because it is too short. */
export function listShortAdminTokens(admin: AdminTokens): string[] {
  return listSecrets(admin)
    .filter(({ secret }) => secret.reveal().length < recommendedLength)
    .map(
      ({ field }) =>
        `${field}: has fewer than ${recommendedLength} characters, which a later version will refuse; create it with \`openssl rand -base64 32\``,
    );
}
