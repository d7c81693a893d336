import { isoAt } from './rows.ts';
import type { SqlDatabase } from './sql-database.ts';
import type { Store } from './store.ts';

/** How long a used proof is kept after its expiry, in milliseconds. The clocks of two brokers may differ. */
const keepProofsMs = 3_600_000;

const statements = {
  // An expired row is replaced, so that whether a proof is new does not depend on when expired rows are deleted.
  remember: `INSERT INTO used_proof (proof_id, expires_at) VALUES ($1, $2)
    ON CONFLICT (proof_id) DO UPDATE SET expires_at = excluded.expires_at WHERE used_proof.expires_at <= $3
    RETURNING proof_id`,
  deleteExpired: `DELETE FROM used_proof WHERE proof_id IN (
      SELECT proof_id FROM used_proof WHERE expires_at < $1 LIMIT 1000) RETURNING proof_id`,
} as const;

/** Creates the operations about used DPoP proofs. */
export function createSqlProofs({ query }: Pick<SqlDatabase, 'query'>): Pick<Store, 'rememberProof'> & {
  /** Deletes up to a thousand expired rows. Returns their number. */
  readonly deleteExpiredProofs: Store['deleteExpired'];
} {
  return {
    rememberProof: async ({ proofId, nowMs, expiresAtMs }) =>
      (await query(statements.remember, [proofId, isoAt(expiresAtMs), isoAt(nowMs)])).length > 0,
    deleteExpiredProofs: async (nowMs) => (await query(statements.deleteExpired, [isoAt(nowMs - keepProofsMs)])).length,
  };
}
