import type { DecisionQuery } from './audit-store.ts';
import { readColumns } from './rows.ts';

/** A statement and the values of its parameters `$1`, `$2` and so on. */
interface Selection {
  readonly statement: string;
  readonly values: readonly (string | number)[];
}

const columns = {
  issuer: 'issuer',
  subject: 'subject',
  vendorUserId: 'vendor_user_id',
  outcome: 'outcome',
  reason: 'reason',
  requestId: 'request_id',
  operation: 'operation',
} as const satisfies Partial<Record<keyof DecisionQuery, string>>;

/**
 * Returns the statement that reads one page of decisions, newest first, and one row more if there is a further page. Only
 * the conditions that the query names are in the statement, so that the database can choose an index for them.
 */
export function selectDecisions(query: DecisionQuery): Selection {
  const { since, until, connection, after, limit } = query;
  const values: (string | number)[] = [];
  const parameter = (value: string | number) => `$${values.push(value)}`;
  const conditions: string[] = [];
  for (const [field, column] of Object.entries(columns)) {
    const value = query[field as keyof typeof columns];
    if (value !== undefined) conditions.push(`${column} = ${parameter(value)}`);
  }
  if (since !== undefined) conditions.push(`at >= ${parameter(since)}`);
  if (until !== undefined) conditions.push(`at < ${parameter(until)}`);
  if (after !== undefined) conditions.push(`(at, id) < (${parameter(after.at)}, ${parameter(after.id)})`);
  if (connection !== undefined) conditions.push(hasConnection(connection, parameter));
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const statement = `SELECT id, ${readColumns.join(', ')} FROM decision${where} ORDER BY at DESC, id DESC LIMIT ${parameter(limit + 1)}`;
  return { statement, values };
}

/**
 * Returns the condition that a row is about a connection. Its column `vendor` holds the name, or `vendor:name`. A row with the
 * outcome `unknown_vendor` holds the name that the caller gave, which may be any text.
 */
function hasConnection(name: string, parameter: (value: string) => string): string {
  const isName = `vendor = ${parameter(name)}`;
  if (name.includes(':')) return `(${isName} AND outcome = 'unknown_vendor')`;
  const end = parameter(`:${name}`);
  const hasEnd = `substr(vendor, length(vendor) - length(${end}) + 1) = ${end}`;
  return `(${isName} OR (outcome <> 'unknown_vendor' AND length(vendor) > length(${end}) AND ${hasEnd}))`;
}
