import type { Clock } from '@valetkey/core-types';
import type { AuditStore } from '../storage/audit-store.ts';
import { changeInParts } from '../storage/change-in-parts.ts';
import type { PrincipalId } from '../storage/store.ts';
import type { AuditKey } from './audit-key.ts';

interface ForgetDependencies {
  readonly store: Pick<AuditStore, 'listPersonal' | 'erasePersonal'>;
  readonly clock: Clock;
  readonly key?: AuditKey | undefined;
}

/**
 * Erases the personal fields of all decisions about a principal: its subject, vendor users, addresses and fingerprints of
 * tokens. The chain stays valid, because it covers only a salted hash of these fields, whose salt is erased as well. Returns
 * the number of decisions.
 */
export async function forgetDecisions(
  principal: PrincipalId,
  { store, clock, key }: ForgetDependencies,
): Promise<number> {
  let count = 0;
  await changeInParts({ clock }, async (limit) => {
    const rows = await store.listPersonal(principal, limit);
    await store.erasePersonal(rows.map(({ id, mac }) => ({ id, erasure: key?.mac('erasure', mac) ?? null })));
    count += rows.length;
    return rows.length === limit;
  });
  return count;
}
