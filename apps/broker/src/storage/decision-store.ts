import { setImmediate } from 'node:timers/promises';
import type { AuditStore } from './audit-store.ts';
import { createChainStore } from './chain-store.ts';
import type { SqlDatabase } from './sql-database.ts';
import { listDecisions } from './list-decisions.ts';
import { createRecordDecisions, isoAt, optionalTextOf, textOf } from './rows.ts';

/** How many counts are stored before other work continues. */
const countedAtOnce = 50;

const statements = {
  count: 'UPDATE decision SET times = $2, last_at = $3, times_mac = $4 WHERE id = $1',
  old: 'SELECT at, id FROM decision WHERE at < $1 AND (at, id) > ($2, $3) ORDER BY at, id LIMIT $4',
  // The writer is compared outside of the part, so that no database examines every decision of no chain.
  deleteOld: `DELETE FROM decision WHERE id IN (SELECT id FROM (
      SELECT id, writer FROM decision WHERE at <= $1 AND (at, id) > ($2, $3) AND (at, id) <= ($1, $4) ORDER BY at, id LIMIT $5
    ) AS part WHERE writer IS NULL) RETURNING id`,
  // In the order of the index of principals: a principal may have many decisions.
  personal: `SELECT id, mac FROM decision WHERE issuer = $1 AND subject = $2 ORDER BY at, id LIMIT $3`,
  erase: `UPDATE decision SET subject = '', vendor_user_id = NULL, client_address = NULL, token_fingerprint = NULL,
    salt = NULL, erasure = $2 WHERE id = $1`,
} as const;

/** Creates the operations about decisions. */
export function createDecisionStore(dependencies: Omit<SqlDatabase, 'close'>): AuditStore {
  const { query, insertRows } = dependencies;
  return {
    recordDecisions: createRecordDecisions(insertRows),
    countDecisions: async (counts) => {
      for (const [index, { id, times, lastAt, mac }] of counts.entries()) {
        await query(statements.count, [id, times, lastAt, mac]);
        // SQLite has no other pause between statements in which a request could be served.
        if (index % countedAtOnce === countedAtOnce - 1) await setImmediate();
      }
    },
    listDecisions: (page) => listDecisions(query, page),
    deleteDecisions: async ({ beforeMs, after = { at: '', id: 0 }, limit }) => {
      const rows = await query(statements.old, [isoAt(beforeMs), after.at, after.id, limit]);
      const row = rows.at(-1);
      if (row === undefined) return { deleted: 0 };
      const last = { at: textOf(row, 'at'), id: Number(row['id']) };
      const deleted = await query(statements.deleteOld, [last.at, after.at, after.id, last.id, limit]);
      return { deleted: deleted.length, ...(rows.length === limit && { next: last }) };
    },
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
