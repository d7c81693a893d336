import { setImmediate } from 'node:timers/promises';
import type { AuditStore, AuditWriter, UnchainedDecisions } from './audit-store.ts';
import type { SqlDatabase } from './sql-database.ts';
import { chainColumns, toChainedRow, optionalTextOf, textOf, type Row } from './rows.ts';

const statements = {
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
  readChain: `SELECT id, ${chainColumns.join(', ')} FROM decision WHERE writer = $1
    AND (sequence, id) > ($2, $3) ORDER BY sequence, id LIMIT $4`,
  checkpoint: `INSERT INTO audit_checkpoint (writer, sequence, mac, at, signature) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (writer) DO UPDATE SET sequence = excluded.sequence, mac = excluded.mac, at = excluded.at,
      signature = excluded.signature WHERE audit_checkpoint.sequence < excluded.sequence`,
  cut: 'DELETE FROM decision WHERE writer = $1 AND sequence > $6 AND sequence <= $2',
  checkpoints: 'SELECT writer, sequence, mac, at, signature FROM audit_checkpoint ORDER BY writer',
  // $2: the first decision of a chain. It is in no index which decisions are in no chain, so the parts are those of the primary key.
  unchained: `SELECT COUNT(*) AS examined, MAX(id) AS last_id, MIN(CASE WHEN writer IS NOT NULL THEN id END) AS first_chained,
      COUNT(CASE WHEN writer IS NULL THEN 1 END) AS total, MAX(CASE WHEN writer IS NULL THEN at END) AS last_at,
      COUNT(CASE WHEN writer IS NULL AND id > $2 THEN 1 END) AS after_chain
    FROM (SELECT id, at, writer FROM decision WHERE id > $1 ORDER BY id LIMIT $3) AS part`,
} as const;

/** How many decisions one statement counts. */
const countedRows = 5_000;

type ChainOperation =
  | 'addWriter'
  | 'listWriters'
  | 'listChains'
  | 'readChain'
  | 'cutChain'
  | 'listCheckpoints'
  | 'countUnchained';

/** Creates the operations about the chains of decisions. */
export function createChainStore({
  query,
  queryInTurn,
}: Pick<SqlDatabase, 'query' | 'queryInTurn'>): Pick<AuditStore, ChainOperation> {
  return {
    addWriter: async ({ number, writer, keyId, at, mac }) =>
      (await query(statements.addWriter, [number, writer, keyId, at, mac])).length > 0,
    listWriters: async (only) => (await query(statements[only === 'last' ? 'lastWriter' : 'writers'])).map(toWriter),
    listChains: async () => (await query(statements.chains)).map((row) => textOf(row, 'writer')),
    readChain: async ({ writer, after, limit }) =>
      (await query(statements.readChain, [writer, after?.sequence ?? 0, after?.id ?? 0, limit])).map(toChainedRow),
    cutChain: async ({ writer, sequence, mac, at, signature }, after = 0) => {
      // PostgreSQL replaces parameters in the text, so a statement may use only some of them.
      await queryInTurn(
        `chain ${writer}`,
        [statements.checkpoint, statements.cut],
        [writer, sequence, mac, at, signature, after],
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
    countUnchained: () => countUnchained(query),
  };
}

/** Counts in parts, so that no statement lasts long in a store of many decisions. */
async function countUnchained(query: SqlDatabase['query']): Promise<UnchainedDecisions> {
  let counted: UnchainedDecisions = { rows: 0, rowsAfterChain: 0 };
  let firstChained: number | undefined;
  for (let after = 0; ;) {
    const read = async () => {
      const [row = {}] = await query(statements.unchained, [
        after,
        firstChained ?? Number.MAX_SAFE_INTEGER,
        countedRows,
      ]);
      return row;
    };
    let row = await read();
    if (firstChained === undefined && row['first_chained'] !== null) {
      firstChained = Number(row['first_chained']);
      row = await read();
    }
    const lastAt = [counted.lastAt, optionalTextOf(row, 'last_at')]
      .filter((at) => at !== undefined)
      .toSorted()
      .at(-1);
    counted = {
      rows: counted.rows + Number(row['total']),
      ...(lastAt !== undefined && { lastAt }),
      rowsAfterChain: counted.rowsAfterChain + Number(row['after_chain']),
    };
    if (Number(row['examined']) < countedRows) return counted;
    after = Number(row['last_id']);
    await setImmediate();
  }
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
