import { systemClock } from '@valetkey/core-types';
import type { Changes, Logout, PrincipalId, Revocation, Store } from './store.ts';
import { isoAt, textOf, type Values } from './rows.ts';
import { createSqlProofs } from './sql-proofs.ts';
import type { SqlDatabase } from './sql-database.ts';

/** The most changes that are read at once. A broker that missed more of them forgets everything that it knows. */
const maxChanges = 1_000;
/** How long a change is kept, in milliseconds. Every broker reads the changes within seconds. */
const keepChangesMs = 3_600_000;
/** How long a used logout token is kept after its expiry, in milliseconds. The clocks of two brokers may differ. */
const keepTokensMs = 3_600_000;

/**
 * Takes the next number. The row of the counter stays locked until the transaction commits, so the changes become visible in
 * the order of their numbers.
 */
export const incrementCounter = writeIncrement('VALUES (1, 1)');

/** Returns the statement that stores what changed, under the number that this transaction has taken. */
export function insertChange(
  { issuer, subject, session, at }: Record<'issuer' | 'subject' | 'session' | 'at', string>,
  condition = '1 = 1',
): string {
  return `INSERT INTO change (number, at, issuer, subject, session)
    SELECT value, ${at}, ${issuer}, ${subject}, ${session} FROM change_counter WHERE id = 1 AND ${condition}`;
}

function writeIncrement(first: string): string {
  return `INSERT INTO change_counter (id, value) ${first}
    ON CONFLICT (id) DO UPDATE SET value = change_counter.value + 1`;
}

// The values of a logout: $1 issuer, $2 id of the token, $3 its expiry, $4 subject, $5 session, $6 and $7 until when tokens
// are revoked and the revocation is kept, $8 now.
const isUnused = 'NOT EXISTS (SELECT 1 FROM used_logout_token WHERE issuer = $1 AND token_id = $2)';
const later = (column: string) =>
  `${column} = CASE WHEN excluded.${column} > revocation.${column} THEN excluded.${column} ELSE revocation.${column} END`;
const revoke = (subject: string) => `INSERT INTO revocation (issuer, subject, session, issued_until, expires_at)
    SELECT $1, ${subject}, $5, $6, $7 WHERE ${isUnused}
    ON CONFLICT (issuer, subject, session) DO UPDATE SET ${later('issued_until')}, ${later('expires_at')}`;
const takeNumber = writeIncrement(`SELECT 1, 1 WHERE ${isUnused}`);
const session = {
  revoke: revoke("''"),
  note: [takeNumber, insertChange({ issuer: '$1', subject: "''", session: '$5', at: '$8' }, isUnused)],
};
const subject = {
  revoke: revoke('$4'),
  note: [takeNumber, insertChange({ issuer: '$1', subject: '$4', session: "''", at: '$8' }, isUnused)],
};
const useToken = `INSERT INTO used_logout_token (issuer, token_id, expires_at) VALUES ($1, $2, $3)
    ON CONFLICT (issuer, token_id) DO NOTHING RETURNING token_id`;

const statements = {
  changes: `SELECT change_counter.value, change.number, change.issuer, change.subject, change.session
    FROM change_counter LEFT JOIN change ON change.number > $1
    WHERE change_counter.id = 1 ORDER BY change.number LIMIT ${maxChanges}`,
  revocations: 'SELECT session, issued_until FROM revocation WHERE issuer = $1 AND subject = $2',
  sessionRevocation: `SELECT issued_until FROM revocation WHERE issuer = $1 AND subject = '' AND session = $2`,
  // A row that another transaction extends meanwhile fails the second comparison, and stays.
  // Changes are numbered in the order of their times, apart from the differences between the clocks of brokers.
  deleteChanges: `DELETE FROM change WHERE number IN (
      SELECT number FROM (SELECT number, at FROM change ORDER BY number LIMIT $2) AS first WHERE at < $1) RETURNING number`,
  deleteRevocations: `DELETE FROM revocation WHERE expires_at < $1 AND (issuer, subject, session) IN (
      SELECT issuer, subject, session FROM revocation WHERE expires_at < $1 LIMIT $2) RETURNING issuer`,
  deleteTokens: `DELETE FROM used_logout_token WHERE (issuer, token_id) IN (
      SELECT issuer, token_id FROM used_logout_token WHERE expires_at < $1 LIMIT $2) RETURNING issuer`,
} as const;

/** Creates the operations about changes, revocations and used proofs. */
export function createSqlChanges({
  query,
  queryInTurn,
}: Pick<SqlDatabase, 'query' | 'queryInTurn'>): Pick<
  Store,
  'recordLogout' | 'listRevocations' | 'isSessionRevoked' | 'rememberProof' | 'readChanges' | 'deleteExpired'
> {
  const { rememberProof, deleteExpiredProofs } = createSqlProofs({ query });
  return {
    rememberProof,
    recordLogout: async (logout) => {
      const { issuer, tokenId } = logout;
      const parts = [
        ...(logout.session === undefined ? [] : [session]),
        ...(logout.subject === undefined ? [] : [subject]),
      ];
      // Every transaction locks the row of the counter after the rows of revocations. Another order could end in a deadlock.
      const list = [...parts.map((part) => part.revoke), ...parts.flatMap((part) => part.note), useToken];
      return (await queryInTurn(JSON.stringify([issuer, tokenId]), list, valuesOf(logout))).length > 0;
    },
    listRevocations: async ({ issuer, subject: name }: PrincipalId): Promise<Revocation[]> => {
      const rows = await query(statements.revocations, [issuer, name]);
      return rows.map((row) => ({
        session: textOf(row, 'session'),
        issuedUntilSeconds: Number(row['issued_until']),
      }));
    },
    isSessionRevoked: async ({ issuer, session: name }) =>
      (await query(statements.sessionRevocation, [issuer, name])).length > 0,
    readChanges: async (after): Promise<Changes> => {
      const rows = await query(statements.changes, [after]);
      const latest = Number(rows[0]?.['value'] ?? 0);
      const changes = rows
        .filter((row) => row['number'] !== null)
        .map((row) => ({
          issuer: textOf(row, 'issuer'),
          subject: textOf(row, 'subject'),
          session: textOf(row, 'session'),
        }));
      return { latest, changes: changes.length === latest - after ? changes : undefined };
    },
    deleteExpired: async (nowMs, limit) => {
      const changes = await query(statements.deleteChanges, [isoAt(nowMs - keepChangesMs), limit]);
      const revocations = await query(statements.deleteRevocations, [isoAt(nowMs), limit]);
      const tokens = await query(statements.deleteTokens, [isoAt(nowMs - keepTokensMs), limit]);
      const proofs = await deleteExpiredProofs(nowMs, limit);
      return changes.length + revocations.length + tokens.length + proofs;
    },
  };
}

function valuesOf(logout: Logout): Values {
  const { issuer, tokenId, tokenExpiresAtMs, issuedUntilSeconds, keepUntilMs } = logout;
  return [
    issuer,
    tokenId,
    isoAt(tokenExpiresAtMs),
    logout.subject ?? '',
    logout.session ?? '',
    Math.ceil(issuedUntilSeconds),
    isoAt(keepUntilMs),
    isoAt(systemClock.nowMs()),
  ];
}
