import { assertCacheable, type CacheableToken, type ErrorCode, errorTable, Secret } from '@valetkey/core-types';
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

const storedFailureSchema: z.ZodType<StoredFailure> = z.strictObject({
  code: z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]),
  detail: z.string(),
  remediation: z.string().optional(),
  advice: z.string().optional(),
  vendor: z.string().optional(),
  reason: z.string().optional(),
  attempts: z.int().min(1),
});

const revealed = (value: string | Secret): string | { readonly secret: string } =>
  typeof value === 'string' ? value : { secret: value.reveal() };

const plainToken = (token: CacheableToken): object => {
  if (token.kind === 'server') return { kind: token.kind, vendor: token.vendor, secret: revealed(token.secret) };
  const { kind, bound, vendor, vendorUserId } = token;
  const fields = Object.fromEntries(Object.entries(token.fields).map(([name, value]) => [name, revealed(value)]));
  return { kind, bound, vendor, fields, vendorUserId };
};

const parse = <Value>(schema: z.ZodType<Value>, text: string): Value | undefined => {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
};

/** A token in clear, to be sealed at once. */
export const tokenToText = (stored: StoredToken): string => {
  assertCacheable(stored.token);
  return JSON.stringify({ ...stored, token: plainToken(stored.token) });
};

/** `undefined` for what another version of this package may have written. */
export const tokenFromText = (text: string): StoredToken | undefined => parse(storedTokenSchema, text);

export const failureToText = (failure: StoredFailure): string => JSON.stringify(failure);

export const failureFromText = (text: string): StoredFailure | undefined => parse(storedFailureSchema, text);
