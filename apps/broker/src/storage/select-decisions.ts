import type { DecisionPosition, DecisionSelection } from './audit-store.ts';
import { readColumns } from './rows.ts';
import { connectionOfRow, issuerOfRow } from './schema-changes.ts';

/** A statement and the values of its parameters `$1`, `$2` and so on. */
interface Selection {
  readonly statement: string;
  readonly values: readonly (string | number)[];
}

/** An index by which decisions are read, newest first. */
export interface Access {
  /** The fields of the selection that the index itself compares. */
  readonly fields: readonly Field[];
  /** Whether a value of the index has so few decisions that they are sorted, and that nothing else may choose another index. */
  readonly isSmall?: boolean | undefined;
  /** What the index has in place of the column of its only field. */
  readonly expression?: string | undefined;
  /** The condition without which a database does not use the index. */
  readonly condition?: string | undefined;
}

type Field = keyof Omit<DecisionSelection, 'since' | 'until'>;

const columns = {
  issuer: 'issuer',
  subject: 'subject',
  vendorUserId: 'vendor_user_id',
  outcome: 'outcome',
  reason: 'reason',
  requestId: 'request_id',
  operation: 'operation',
  connection: connectionOfRow,
} as const satisfies Record<Field, string>;
const fields = Object.keys(columns) as Field[];

/** The most decisions of one value of a small index. */
const maxSmall = 2_000;

/** The order of every list. */
const order = 'ORDER BY at DESC, id DESC';

/** The indexes, those with the fewest rows of one value first. */
const accesses: readonly Access[] = [
  { fields: ['requestId'], isSmall: true },
  { fields: ['subject', 'issuer'] },
  { fields: ['vendorUserId'] },
  { fields: ['reason'] },
  // The index has no rows of allowed operations, which are too many to be worth an index.
  { fields: ['outcome'], condition: "outcome <> 'allowed'" },
  { fields: ['connection'] },
  { fields: ['issuer'], expression: issuerOfRow },
  { fields: ['operation'] },
];

/** Returns the indexes that can read a selection. The last resort is the index of the times, which has every decision. */
export function listAccesses(selection: DecisionSelection): readonly [Access, ...Access[]] {
  const usable = accesses.filter(
    (access) =>
      access.fields.every((field) => selection[field] !== undefined) &&
      (access.condition === undefined || selection.outcome !== 'allowed'),
  );
  // An index that compares more of the same fields has fewer rows.
  const [first, ...others] = usable.filter(
    (access) =>
      !usable.some((other) => other !== access && access.fields.every((field) => other.fields.includes(field))),
  );
  return first === undefined ? [{ fields: [] }] : [first, ...others];
}

/** Returns whether an index reads only decisions of the selection, so that a page needs no more rows than it has. */
export function isExact({ fields: compared, isSmall }: Access, selection: DecisionSelection): boolean {
  if (isSmall === true) return true;
  return fields.every(
    (field) => selection[field] === undefined || (compared.includes(field) && field !== 'connection'),
  );
}

/** The decisions that one statement reads by an index. */
export interface DecisionWindow {
  readonly selection: DecisionSelection;
  readonly access: Access;
  /** Only the decisions after this one, which are older. */
  readonly after?: DecisionPosition | undefined;
}

/**
 * Returns the statement that reads up to `limit` decisions of a selection, newest first. It examines no more than the first
 * `examined` ones that the index has. The conditions that the index does not compare are outside of the window, so that no database can choose
 * another index for them.
 */
export function selectDecisions(window: DecisionWindow, limit: number, examined = limit): Selection {
  const values: (string | number)[] = [];
  const parameter = (value: string | number) => `$${values.push(value)}`;
  const { selection, access } = window;
  const inside = describeAccess(window, parameter);
  const outside = fields.flatMap((field) => {
    const value = selection[field];
    if (value === undefined) return [];
    if (field === 'connection') return [hasConnection(value, parameter)];
    return access.fields.includes(field) ? [] : [`${columns[field]} = ${parameter(value)}`];
  });
  (access.isSmall === true ? outside : inside).push(...describePlace(window, parameter));
  const list = ['id', ...readColumns].join(', ');
  const first = parameter(access.isSmall === true ? maxSmall : examined);
  const inner = `SELECT ${list} FROM decision${where(inside)} ${order} LIMIT ${first}`;
  if (outside.length === 0) return { statement: inner, values };
  const statement = `SELECT ${list} FROM (${inner}) AS examined${where(outside)} ${order} LIMIT ${parameter(limit)}`;
  return { statement, values };
}

/** Returns the statement that reads the place of the last of `examined` decisions. It returns no row if there are fewer. */
export function selectEnd(window: DecisionWindow, examined: number): Selection {
  const values: (string | number)[] = [];
  const parameter = (value: string | number) => `$${values.push(value)}`;
  const conditions = [...describeAccess(window, parameter), ...describePlace(window, parameter)];
  const statement = `SELECT at, id FROM decision${where(conditions)} ${order} LIMIT 1 OFFSET ${parameter(examined - 1)}`;
  return { statement, values };
}

type Parameter = (value: string | number) => string;

const where = (conditions: readonly string[]) => (conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`);

/** Returns the conditions about the fields that an index compares. */
function describeAccess({ selection, access }: DecisionWindow, parameter: Parameter): string[] {
  const conditions = access.fields.map((field) => {
    const value = selection[field] ?? '';
    const compared = field === 'connection' ? value.slice(value.lastIndexOf(':') + 1) : value;
    return `${access.expression ?? columns[field]} = ${parameter(compared)}`;
  });
  return access.condition === undefined ? conditions : [...conditions, access.condition];
}

/** Returns the conditions about the order of the list. */
function describePlace({ selection: { since, until }, after }: DecisionWindow, parameter: Parameter): string[] {
  return [
    ...(since === undefined ? [] : [`at >= ${parameter(since)}`]),
    ...(until === undefined ? [] : [`at < ${parameter(until)}`]),
    ...(after === undefined ? [] : [`(at, id) < (${parameter(after.at)}, ${parameter(after.id)})`]),
  ];
}

/**
 * Returns the condition that a row is about a connection. Its column `vendor` holds the name, or `vendor:name`. A row with the
 * outcome `unknown_vendor` holds the name that the caller gave, which may be any text.
 */
function hasConnection(name: string, parameter: Parameter): string {
  const isName = `vendor = ${parameter(name)}`;
  if (name.includes(':')) return `(${isName} AND outcome = 'unknown_vendor')`;
  const end = parameter(`:${name}`);
  const hasEnd = `substr(vendor, length(vendor) - length(${end}) + 1) = ${end}`;
  return `(${isName} OR (outcome <> 'unknown_vendor' AND length(vendor) > length(${end}) AND ${hasEnd}))`;
}
