import { setImmediate } from 'node:timers/promises';
import type { DecisionPage, DecisionPosition, DecisionQuery } from './audit-store.ts';
import { textOf, toDecision, type Row } from './rows.ts';
import {
  isExact,
  listAccesses,
  selectDecisions,
  selectEnd,
  type Access,
  type DecisionWindow,
} from './select-decisions.ts';
import type { SqlDatabase } from './sql-database.ts';

/** The most decisions that one statement examines. */
const maxWindow = 1_000;
/** How long one statement should take, in milliseconds. SQLite blocks the event loop meanwhile. */
const targetMs = 5;
/** The most decisions that are examined for one page. */
const defaultMaxExamined = 5_000;

type Query = SqlDatabase['query'];

interface Rows {
  readonly rows: readonly Row[];
  /** Where the next page begins. Absent on the last page. */
  readonly next?: DecisionPosition | undefined;
}

/** Reads one page of decisions, newest first. It ends before it is full if `maxExamined` decisions were examined for it. */
export async function listDecisions(
  query: Query,
  page: DecisionQuery,
  maxExamined = defaultMaxExamined,
): Promise<DecisionPage> {
  const { rows, next } = await readPage(query, page, maxExamined);
  return { decisions: rows.map(toDecision), next };
}

async function readPage(query: Query, page: DecisionQuery, maxExamined: number): Promise<Rows> {
  const { subject, issuer } = page;
  if (subject === undefined || issuer !== undefined) return readRows(query, page, maxExamined);
  // The index of principals has the decisions of one issuer after the other.
  const found = await query(issuersOfSubject, [subject]);
  const pages: Rows[] = [];
  for (const row of found) pages.push(await readRows(query, { ...page, issuer: textOf(row, 'issuer') }, maxExamined));
  return mergePages(pages, page.limit);
}

/** Each issuer is found by one look into the index. */
const issuersOfSubject = `WITH RECURSIVE known(issuer) AS (
    SELECT MIN(issuer) FROM decision WHERE subject = $1
    UNION ALL
    SELECT (SELECT MIN(later.issuer) FROM decision AS later WHERE later.subject = $1 AND later.issuer > known.issuer)
    FROM known WHERE known.issuer IS NOT NULL
  ) SELECT issuer FROM known WHERE issuer IS NOT NULL`;

/** Returns the first rows of all pages. Behind the nearest end of a page, rows of that page may be missing. */
function mergePages(pages: readonly Rows[], limit: number): Rows {
  const ends = pages.flatMap(({ next }) => (next === undefined ? [] : [next]));
  const end = ends.toSorted(compareNewestFirst)[0];
  const rows = pages
    .flatMap((page) => page.rows)
    .filter((row) => end === undefined || compareNewestFirst(positionOf(row), end) <= 0)
    .toSorted((left, right) => compareNewestFirst(positionOf(left), positionOf(right)));
  return rows.length > limit ? cut(rows, limit) : { rows, next: end };
}

/** Reads the decisions of a selection, one window after the other. */
async function readRows(
  query: Query,
  { limit, after: first, ...selection }: DecisionQuery,
  maxExamined: number,
): Promise<Rows> {
  const accesses = listAccesses(selection);
  const read = (window: DecisionWindow, count: number, examined?: number) => {
    const { statement, values } = selectDecisions(window, count, examined);
    return query(statement, values);
  };
  if (isExact(accesses[0], selection)) {
    return cut(await read({ selection, access: accesses[0], after: first }, limit + 1), limit);
  }
  const rows: Row[] = [];
  let [access] = accesses;
  let after = first;
  let examined = 0;
  for (let size = Math.min(4 * (limit + 1), maxWindow, maxExamined); ;) {
    const startedAt = performance.now();
    let found = await read({ selection, access, after }, limit + 1 - rows.length, size);
    if (rows.length + found.length > limit) return cut([...rows, ...found], limit);
    let end = await readEnd(query, { selection, access, after }, size);
    if (examined === 0 && end !== undefined && accesses.length > 1) {
      const best = await findFewest(query, { selection, after }, { accesses, size });
      if (best !== access) {
        access = best;
        found = await read({ selection, access, after }, limit + 1, size);
        if (found.length > limit) return cut(found, limit);
        end = await readEnd(query, { selection, access, after }, size);
      }
    }
    const isInWindow = (row: Row) => end === undefined || compareNewestFirst(positionOf(row), end) <= 0;
    // Decisions that were added meanwhile move the end. The next window has the others.
    rows.push(...found.filter(isInWindow));
    examined += size;
    if (end === undefined || examined >= maxExamined) return { rows, next: end };
    after = end;
    size = Math.min(nextSize(size, performance.now() - startedAt), maxExamined - examined);
    await setImmediate();
  }
}

/** Decisions that are far apart in the table are read much more slowly than neighbours. */
function nextSize(size: number, tookMs: number): number {
  return tookMs <= targetMs ? Math.min(2 * size, maxWindow) : Math.max(20, Math.floor((size * targetMs) / tookMs));
}

async function readEnd(query: Query, window: DecisionWindow, size: number): Promise<DecisionPosition | undefined> {
  const { statement, values } = selectEnd(window, size);
  const [row] = await query(statement, values);
  return row && positionOf(row);
}

/** Returns the index that has the fewest rows of the selection: as many of them reach back furthest. */
async function findFewest(
  query: Query,
  window: Omit<DecisionWindow, 'access'>,
  { accesses, size }: { readonly accesses: readonly [Access, ...Access[]]; readonly size: number },
): Promise<Access> {
  let [best] = accesses;
  let bestEnd: DecisionPosition | undefined;
  for (const access of accesses) {
    const end = await readEnd(query, { ...window, access }, size);
    if (end === undefined) return access;
    if (bestEnd === undefined || compareNewestFirst(end, bestEnd) > 0) [best, bestEnd] = [access, end];
  }
  return best;
}

function cut(rows: readonly Row[], limit: number): Rows {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return { rows: rows.slice(0, limit), next: last && positionOf(last) };
}

const positionOf = (row: Row): DecisionPosition => ({ at: textOf(row, 'at'), id: Number(row['id']) });

function compareNewestFirst(left: DecisionPosition, right: DecisionPosition): number {
  if (left.at === right.at) return right.id - left.id;
  return left.at < right.at ? 1 : -1;
}
