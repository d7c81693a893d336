import type { AuditStore } from './audit-store.ts';
import { createChainStore } from './chain-store.ts';
import type { SqlDatabase } from './sql-database.ts';
import { selectDecisions } from './select-decisions.ts';
import { createRecordDecisions, toDecision, isoAt, optionalTextOf, textOf } from './rows.ts';

const statements = {
  count: 'UPDATE decision SET times = $2, last_at = $3, times_mac = $4 WHERE id = $1',
  // Deletes at most a thousand rows, so that other writers do not wait long.
  deleteOld: `DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE at < $1 AND writer IS NULL LIMIT 1000)
    RETURNING id`,
  personal: `SELECT id, mac FROM decision WHERE issuer = $1 AND subject = $2 ORDER BY id LIMIT $3`,
  erase: `UPDATE decision SET subject = '', vendor_user_id = NULL, client_address = NULL, token_fingerprint = NULL,
    salt = NULL, erasure = $2 WHERE id = $1`,
} as const;

/** Creates the operations about decisions. */
export function createDecisionStore(dependencies: Omit<SqlDatabase, 'close'>): AuditStore {
  const { query, insertRows } = dependencies;
  return {
    recordDecisions: createRecordDecisions(insertRows),
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
    ...createChainStore(dependencies),
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
