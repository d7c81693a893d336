import {
  assertCacheable,
  type CacheableToken,
  type ErrorCode,
  errorTable,
  type FailureCause,
  type OAuthErrorCode,
  Secret,
} from '@valetkey/core-types';
import { z } from 'zod';
import type { StoredFailure, StoredToken } from './store-types.ts';

const secretText = z.strictObject({ secret: z.string().min(1) }).transform(({ secret }) => new Secret(secret));

const tokenSchema: z.ZodType<CacheableToken> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('server'), vendor: z.string(), secret: secretText }),
  z.strictObject({
    kind: z.literal('client'),
    bound: z.literal('account'),
    vendor: z.string(),
    fields: z.record(z.string(), z.union([z.string(), secretText])),
    vendorUserId: z.string().optional(),
  }),
]);

const storedTokenSchema: z.ZodType<StoredToken> = z.strictObject({
  token: tokenSchema,
  expiresAtMs: z.number(),
  refreshAtMs: z.number(),
  lifeMs: z.number(),
  repeatedAtMs: z.number().optional(),
});

const oauthErrors: Readonly<Record<OAuthErrorCode, true>> = {
  invalid_client: true,
  unauthorized_client: true,
  invalid_scope: true,
  unsupported_grant_type: true,
};

/** Lists every type of `FailureCause`: a new type does not compile until its schema is added. */
const causeSchemas: { readonly [Type in FailureCause['type']]: z.ZodType<Extract<FailureCause, { type: Type }>> } = {
  vendor_status: z.strictObject({ type: z.literal('vendor_status'), status: z.int() }),
  intercepted: z.strictObject({ type: z.literal('intercepted'), status: z.int() }),
  oauth_error: z.strictObject({
    type: z.literal('oauth_error'),
    error: z.enum(Object.keys(oauthErrors) as [OAuthErrorCode, ...OAuthErrorCode[]]),
  }),
  dpop: z.strictObject({
    type: z.literal('dpop'),
    error: z.enum(['invalid_dpop_proof', 'use_dpop_nonce', 'invalid_token']),
  }),
};

const storedFailureSchema: z.ZodType<StoredFailure> = z.strictObject({
  code: z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]),
  detail: z.string(),
  remediation: z.string().optional(),
  advice: z.string().optional(),
  vendor: z.string().optional(),
  reason: z.string().optional(),
  cause: z.union(Object.values(causeSchemas)).optional(),
  attempts: z.int().min(1),
});

/** Returns the text of a token. The text contains the secret, so it must be sealed at once. */
export function tokenToText(stored: StoredToken): string {
  assertCacheable(stored.token);
  return JSON.stringify({ ...stored, token: toPlainToken(stored.token) });
}

/** Parses a token. Returns `undefined` if this version of the package cannot read the text. */
export function parseTokenText(text: string): StoredToken | undefined {
  return parseText(storedTokenSchema, text);
}

export function failureToText(failure: StoredFailure): string {
  return JSON.stringify(failure);
}

/** Parses a failure. Returns `undefined` if this version of the package cannot read the text. */
export function parseFailureText(text: string): StoredFailure | undefined {
  return parseText(storedFailureSchema, text);
}

function toPlainToken(token: CacheableToken): object {
  if (token.kind === 'server') return { kind: token.kind, vendor: token.vendor, secret: toPlainField(token.secret) };
  const { kind, bound, vendor, vendorUserId } = token;
  const fields = Object.fromEntries(Object.entries(token.fields).map(([name, field]) => [name, toPlainField(field)]));
  return { kind, bound, vendor, fields, vendorUserId };
}

function toPlainField(field: string | Secret): string | { readonly secret: string } {
  return typeof field === 'string' ? field : { secret: field.reveal() };
}

function parseText<Value>(schema: z.ZodType<Value>, text: string): Value | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
