import { listSchemaProblems, readTenant, ValetKeyError } from '@valetkey/core-types';
import { z } from 'zod';

/** The fields that name a principal. */
export const principalShape = { issuer: z.string().min(1), subject: z.string().min(1) };

/** Parses a principal. */
export const principalSchema = z.strictObject(principalShape);

/** The parameters of a list: `limit` and `cursor`. */
export const pageShape = {
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().optional(),
};

/** Parses an input of the admin API. Throws `invalid_request` with the names of the wrong fields. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const fields = listSchemaProblems(error).map(({ field }) => field || 'the whole request');
  throw new ValetKeyError('invalid_request', `These fields are missing or wrong: ${fields.join(', ')}.`);
}

/** Throws if the issuer is not configured: with a misspelt issuer, the change would apply to no principal at all. */
export function assertKnownIssuer(issuers: readonly string[], issuer: string): void {
  if (issuers.some((form) => readTenant(form, issuer) !== undefined)) return;
  throw new ValetKeyError('invalid_request', 'No issuer of this name is configured.', {
    remediation: `Write it as in the configuration: ${issuers.join(', ')}.`,
  });
}

/**
 * Returns the row after which a page begins. `issuer` is the filter of the request. Throws `invalid_request` if the cursor is not
 * one that {@link writeCursor} wrote for the same list and issuer.
 */
export function readCursor<Schema extends z.ZodType<{ readonly issuer: string }>>(
  schema: Schema,
  cursor: string | undefined,
  issuer: string | undefined,
): z.output<Schema> | undefined {
  if (cursor === undefined) return undefined;
  const { data } = schema.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()));
  if (data !== undefined && (issuer === undefined || issuer === data.issuer)) return data;
  throw new ValetKeyError('invalid_request', 'The cursor does not belong to this list.', {
    remediation: 'Send the `next_cursor` of the page before, with the same filters.',
  });
}

/** Returns the text that names the last row of a page. Only {@link readCursor} reads it. */
function writeCursor(key: object): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

/**
 * Reads one page of a list: up to `limit` rows, and the cursor of the next page if there is one. `keyOf` returns the primary key
 * of a row.
 */
export async function readPage<Row>(
  limit: number,
  read: (limit: number) => Promise<readonly Row[]>,
  keyOf: (row: Row) => object,
): Promise<{ readonly rows: readonly Row[]; readonly next: { readonly next_cursor?: string } }> {
  // One more row than is returned shows whether there is another page.
  const found = await read(limit + 1);
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const hasNext = found.length > limit && last !== undefined;
  return { rows, next: hasNext ? { next_cursor: writeCursor(keyOf(last)) } : {} };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
