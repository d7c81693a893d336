import { isoAt, textOf } from './rows.ts';
import type { SqlDatabase } from './sql-database.ts';
import type { Store } from './store.ts';

/** How long a used proof is kept after its expiry, in milliseconds. The clocks of two brokers may differ. */
const keepProofsMs = 3_600_000;

const statements = {
  // An expired row is replaced, so that whether a proof is new does not depend on when expired rows are deleted.
  remember: `INSERT INTO used_proof (proof_id, caller_id, expires_at) SELECT $1, $2, $3
    WHERE (SELECT COUNT(*) FROM used_proof WHERE caller_id = $2 AND expires_at > $4) < $5
    ON CONFLICT (proof_id) DO UPDATE SET caller_id = excluded.caller_id, expires_at = excluded.expires_at
      WHERE used_proof.expires_at <= $4
    RETURNING proof_id`,
  used: 'SELECT proof_id FROM used_proof WHERE proof_id = $1 AND expires_at > $2',
  firstExpiry: 'SELECT MIN(expires_at) AS free_at FROM used_proof WHERE caller_id = $1 AND expires_at > $2',
  deleteExpired: `DELETE FROM used_proof WHERE proof_id IN (
      SELECT proof_id FROM used_proof WHERE expires_at < $1 LIMIT $2) RETURNING proof_id`,
} as const;

/** Creates the operations about used DPoP proofs. */
export function createSqlProofs({ query }: Pick<SqlDatabase, 'query'>): Pick<Store, 'rememberProof'> & {
  /** Deletes up to `limit` expired rows. Returns their number. */
  readonly deleteExpiredProofs: Store['deleteExpired'];
} {
  return {
    rememberProof: async ({ proofId, callerId, nowMs, expiresAtMs, maxOfCaller }) => {
      const now = isoAt(nowMs);
      const values = [proofId, callerId, isoAt(expiresAtMs), now, maxOfCaller];
      if ((await query(statements.remember, values)).length > 0) return 'new';
      if ((await query(statements.used, [proofId, now])).length > 0) return 'used';
      const [row = {}] = await query(statements.firstExpiry, [callerId, now]);
      return { freeAtMs: Date.parse(textOf(row, 'free_at')) };
    },
    deleteExpiredProofs: async (nowMs, limit) =>
      (await query(statements.deleteExpired, [isoAt(nowMs - keepProofsMs), limit])).length,
  };
}
