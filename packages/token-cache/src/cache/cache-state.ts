import type { Renewal } from '../renewal/entry.ts';
import type { RenewalDependencies } from '../renewal/renewal-run.ts';
import type { Entries } from './entries.ts';
import type { Recorder } from './events.ts';

/** What the calls of one cache share. */
export interface CacheState extends RenewalDependencies {
  readonly record: Recorder['record'];
  readonly entries: Entries;
  /** The renewals under way. */
  readonly running: Set<Renewal>;
  closed: boolean;
}
