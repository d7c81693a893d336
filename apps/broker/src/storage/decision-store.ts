import type { AuditStore, AuditWriter } from './audit-store.ts';
import { chainColumns, toChainedRow, toDecision, toValues, writtenColumns } from './decision-rows.ts';
import { selectDecisions } from './select-decisions.ts';
import { isoAt, optionalTextOf, textOf, type Row } from './stored-text.ts';

type Values = readonly (string | number | null)[];

/** How the store runs its statements. */
interface DecisionStoreDependencies {
  /** Runs one statement, commits it, and returns its rows. */
  readonly query: (statement: string, values?: Values) => Promise<readonly Row[]>;
  /** Runs statements with the same values in one transaction. Transactions with the same key run one after the other. */
  readonly queryInTurn: (key: string, statements: readonly string[], values: Values) => Promise<readonly Row[]>;
  /** Inserts rows in one transaction and returns their ids. */
  readonly insertRows: (into: string, rows: readonly Values[]) => Promise<readonly Row[]>;
}

const into = `decision (${writtenColumns.join(', ')})`;

const statements = {
  count: 'UPDATE decision SET times = $2, last_at = $3, times_mac = $4 WHERE id = $1',
  // Deletes at most a thousand rows, so that other writers do not wait long.
  deleteOld: `DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE at < $1 AND writer IS NULL LIMIT 1000)
    RETURNING id`,
  addWriter: `INSERT INTO audit_writer (number, writer, key_id, at, mac) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (number) DO NOTHING RETURNING number`,
  writers: 'SELECT number, writer, key_id, at, mac FROM audit_writer ORDER BY number',
  lastWriter: 'SELECT number, writer, key_id, at, mac FROM audit_writer ORDER BY number DESC LIMIT 1',
  // Each writer is found by one look into the index.
  chains: `WITH RECURSIVE known(writer) AS (
      SELECT MIN(writer) FROM decision
      UNION ALL
      SELECT (SELECT MIN(later.writer) FROM decision AS later WHERE later.writer > known.writer)
      FROM known WHERE known.writer IS NOT NULL
    ) SELECT writer FROM known WHERE writer IS NOT NULL`,
  chainsBefore:
    'SELECT DISTINCT writer FROM (SELECT writer FROM decision WHERE at < $1 AND writer IS NOT NULL LIMIT 1000) AS old',
  readChain: `SELECT id, ${chainColumns.join(', ')} FROM decision WHERE writer = $1 AND sequence > $2
    ORDER BY sequence, id LIMIT $3`,
  checkpoint: `INSERT INTO audit_checkpoint (writer, sequence, mac, at, signature) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (writer) DO UPDATE SET sequence = excluded.sequence, mac = excluded.mac, at = excluded.at,
      signature = excluded.signature WHERE audit_checkpoint.sequence < excluded.sequence`,
  cut: 'DELETE FROM decision WHERE writer = $1 AND sequence <= $2',
  checkpoints: 'SELECT writer, sequence, mac, at, signature FROM audit_checkpoint ORDER BY writer',
  unchained: `SELECT COUNT(*) AS total, MAX(at) AS last_at,
      COUNT(CASE WHEN id > (SELECT MIN(id) FROM decision WHERE writer IS NOT NULL) THEN 1 END) AS after_chain
    FROM decision WHERE writer IS NULL`,
  personal: `SELECT id, mac FROM decision WHERE issuer = $1 AND subject = $2 ORDER BY id LIMIT $3`,
  erase: `UPDATE decision SET subject = '', vendor_user_id = NULL, client_address = NULL, token_fingerprint = NULL,
    salt = NULL, erasure = $2 WHERE id = $1`,
} as const;

/** Creates the operations about decisions. */
export function createDecisionStore({ query, queryInTurn, insertRows }: DecisionStoreDependencies): AuditStore {
  return {
    recordDecisions: async (decisions) => {
      const rows = await insertRows(into, decisions.map(toValues));
      return rows.map(({ id }) => Number(id));
    },
    countDecisions: async (counts) => {
      for (const { id, times, lastAt, mac } of counts) await query(statements.count, [id, times, lastAt, mac]);
    },
    listDecisions: async (page) => {
      const { statement, values } = selectDecisions(page);
      const rows = await query(statement, values);
      const decisions = rows.slice(0, page.limit).map(toDecision);
      const last = rows.length > page.limit ? rows[page.limit - 1] : undefined;
      return { decisions, next: last && { at: textOf(last, 'at'), id: Number(last['id']) } };
    },
    deleteDecisions: async (beforeMs) => (await query(statements.deleteOld, [isoAt(beforeMs)])).length,
    addWriter: async ({ number, writer, keyId, at, mac }) =>
      (await query(statements.addWriter, [number, writer, keyId, at, mac])).length > 0,
    listWriters: async (only) => (await query(statements[only === 'last' ? 'lastWriter' : 'writers'])).map(toWriter),
    listChains: async (beforeMs) => {
      const rows =
        beforeMs === undefined
          ? await query(statements.chains)
          : await query(statements.chainsBefore, [isoAt(beforeMs)]);
      return rows.map((row) => textOf(row, 'writer'));
    },
    readChain: async ({ writer, after, limit }) =>
      (await query(statements.readChain, [writer, after, limit])).map(toChainedRow),
    cutChain: async ({ writer, sequence, mac, at, signature }) => {
      // PostgreSQL replaces parameters in the text, so a statement may use only some of them.
      await queryInTurn(
        `chain ${writer}`,
        [statements.checkpoint, statements.cut],
        [writer, sequence, mac, at, signature],
      );
    },
    listCheckpoints: async () =>
      (await query(statements.checkpoints)).map((row) => ({
        writer: textOf(row, 'writer'),
        sequence: Number(row['sequence']),
        mac: textOf(row, 'mac'),
        at: textOf(row, 'at'),
        signature: textOf(row, 'signature'),
      })),
    countUnchained: async () => {
      const [row = {}] = await query(statements.unchained);
      return {
        rows: Number(row['total']),
        lastAt: optionalTextOf(row, 'last_at'),
        rowsAfterChain: Number(row['after_chain']),
      };
    },
    listPersonal: async ({ issuer, subject }, limit) =>
      (await query(statements.personal, [issuer, subject, limit])).map((row) => ({
        id: Number(row['id']),
        mac: optionalTextOf(row, 'mac') ?? null,
      })),
    erasePersonal: async (rows) => {
      for (const { id, erasure } of rows) await query(statements.erase, [id, erasure]);
    },
  };
}

function toWriter(row: Row): AuditWriter {
  return {
    number: Number(row['number']),
    writer: textOf(row, 'writer'),
    keyId: textOf(row, 'key_id'),
    at: textOf(row, 'at'),
    mac: textOf(row, 'mac'),
  };
}
