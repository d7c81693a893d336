import type { VendorUserKey } from './store.ts';

/** A row as the database returns it. */
export type Row = Readonly<Record<string, unknown>>;

type Target = Pick<VendorUserKey, 'connection' | 'vendor'>;
type PossibleTarget = { readonly [Part in keyof Target]?: string | undefined };

/**
 * Returns the text that stands for a connection: `vital`, or `vital:vital-eu` where its name is not its vendor's id. Rows
 * therefore stay with the vendor that they are about when the operator gives the name another vendor. The text is empty for
 * a decision that concerns no single connection.
 */
export function toTarget({ connection = '', vendor = connection }: PossibleTarget): string {
  return vendor === connection ? connection : `${vendor}:${connection}`;
}

/** Returns the connection and the vendor that a row is about. */
export function targetOf(row: Row): Target {
  const target = textOf(row, 'vendor');
  const end = target.lastIndexOf(':');
  return { connection: target.slice(end + 1), vendor: end < 0 ? target : target.slice(0, end) };
}

/**
 * Returns a value as it is stored. PostgreSQL does not accept U+0000, and neither database accepts half a surrogate pair. Both
 * are stored as JSON escapes, so that two different texts are never stored as the same text.
 */
export const toStored = <Value>(value: Value) =>
  typeof value === 'string' ? JSON.stringify(value).slice(1, -1) : value;

const fromStored = (text: string) => JSON.parse(`"${text}"`) as string;

export const textOf = (row: Row, column: string) => fromStored(row[column] as string);

export const optionalTextOf = (row: Row, column: string) => (row[column] === null ? undefined : textOf(row, column));

export const isoAt = (ms: number) => new Date(ms).toISOString();
