import { setImmediate } from 'node:timers/promises';
import type { AuditStore } from '../storage/audit-store.ts';
import type { PrincipalId } from '../storage/store.ts';
import type { AuditKey } from './audit-key.ts';

const maxErased = 500;

/**
 * Erases the personal fields of all decisions about a principal: its subject, vendor users, addresses and fingerprints of
 * tokens. The chain stays valid, because it covers only a salted hash of these fields, whose salt is erased as well. Returns
 * the number of decisions.
 */
export async function forgetDecisions(
  principal: PrincipalId,
  {
    store,
    key,
  }: { readonly store: Pick<AuditStore, 'listPersonal' | 'erasePersonal'>; readonly key?: AuditKey | undefined },
): Promise<number> {
  let count = 0;
  for (;;) {
    const rows = await store.listPersonal(principal, maxErased);
    if (rows.length === 0) return count;
    await store.erasePersonal(rows.map(({ id, mac }) => ({ id, erasure: key?.mac('erasure', mac) ?? null })));
    count += rows.length;
    await setImmediate();
  }
}
