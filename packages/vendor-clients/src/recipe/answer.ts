import { Secret, type IssuedToken } from '@valetkey/core-types';
import { invalidResponseError, type VendorName } from '../kit/door/response.ts';
import { readEpochSeconds, readLifetimeSeconds, remainingSeconds } from '../kit/lifetime.ts';
import type { Mint } from './compile-steps.ts';
import { toText } from './filters.ts';
import type { Recipe } from './recipe-schema.ts';
import { compileValue } from './template.ts';

/** The most characters of one field of a token. */
const maxFieldLength = 16_384;
const maxLifetimeSeconds = 30 * 86_400;
// A line break would end a line of a log or a header.
const fieldForm = /^[^\p{Cc}\p{Cs}]+$/u;

/** Compiles the answer of a recipe. It throws `vendor_response_invalid` if the vendor's response lacks a field. */
export function compileAnswer({ token, details, expiry, uses }: Recipe['answer'], vendor: VendorName) {
  const secretFields = Object.entries(token).map(([name, text]) => [name, compileValue(text)] as const);
  const plainFields = Object.entries(details).map(([name, text]) => [name, compileValue(text)] as const);
  const lifetimeOf = compileExpiry(expiry, vendor);

  const readField = (name: string, value: unknown): string => {
    const text = value === undefined ? '' : toText(value);
    if (text.length > maxFieldLength || !fieldForm.test(text)) throw invalidResponseError(vendor, `field:${name}`);
    return text;
  };
  return (mint: Mint): IssuedToken => {
    const fields: Record<string, string | Secret> = {};
    for (const [name, valueOf] of secretFields) fields[name] = new Secret(readField(name, valueOf(mint.values)));
    for (const [name, valueOf] of plainFields) {
      const value = valueOf(mint.values);
      if (value !== undefined) fields[name] = readField(name, value);
    }
    const expiresInSeconds = lifetimeOf(mint);
    return {
      fields,
      ...(expiresInSeconds !== undefined && { expiresInSeconds }),
      ...(uses === 'once' && { singleUse: true }),
    };
  };
}

function compileExpiry(expiry: Recipe['answer']['expiry'], vendor: VendorName): (mint: Mint) => number | undefined {
  if (expiry === 'unknown') return () => undefined;
  if (expiry === 'asked') return ({ values }) => values['life'] as number;
  if ('seconds' in expiry) return () => expiry.seconds;
  const valueOf = compileValue('in' in expiry ? expiry.in : expiry.at);
  if ('in' in expiry) return ({ values }) => readLifetimeSeconds(valueOf(values), maxLifetimeSeconds);
  return ({ values, response }) => {
    const expiresAt = valueOf(values);
    if (response !== undefined)
      return remainingSeconds({ vendor, headers: response.headers }, { expiresAt }, maxLifetimeSeconds);
    const seconds = Math.floor((readEpochSeconds(expiresAt) ?? 0) - (values['now'] as number));
    if (seconds <= 0) throw invalidResponseError(vendor, 'token_expired');
    return seconds;
  };
}
