import type { CacheableToken, TokenKey } from '@valetkey/core-types';
import type { Entry } from '../renewal/entry.ts';
import { dropToken } from '../renewal/entry-token.ts';
import { isSameToken } from '../stores/same-token.ts';
import { copyTokenKey } from '../stores/token-key.ts';
import type { CacheState } from './cache-state.ts';

/** How many reports in a row the cache accepts at once. One more is allowed after each {@link reportRefillMs}. */
const maxReports = 5;
const reportRefillMs = 30_000;

/** Drops a token that the vendor refused, here and in the store. Resolves to whether it was dropped. */
export async function reportRefusedToken(
  { entries, settings, storeAccess, record }: CacheState,
  key: TokenKey,
  token: CacheableToken,
): Promise<boolean> {
  const entry = entries.find(key);
  const current = entry?.token !== undefined && isSameToken(entry.token, token);
  const dropped = current && acceptReport(entry, settings.clock.monotonicMs());
  if (dropped) dropToken(entry);
  record({ type: 'invalidate', key: copyTokenKey(key), current, dropped });
  if (dropped || !current) await storeAccess.call((store) => store.remove(key, token));
  return dropped;
}

/** Returns whether one more report is accepted, and counts it if so. */
function acceptReport(entry: Entry, nowMs: number): boolean {
  const reports = Math.max(0, entry.reports - (nowMs - entry.reportedAtMs) / reportRefillMs);
  if (reports > maxReports - 1) return false;
  entry.reports = reports + 1;
  entry.reportedAtMs = nowMs;
  return true;
}
