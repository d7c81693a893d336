import type { Renewal } from '../renewal/entry.ts';
import type { RenewalDependencies } from '../renewal/renewal-run.ts';
import type { EntryMap } from './entry-map.ts';
import type { Recorder } from './events.ts';

/** The state that all calls of one cache share. */
export interface CacheState extends RenewalDependencies {
  readonly record: Recorder['record'];
  readonly entries: EntryMap;
  /** The renewals under way. */
  readonly running: Set<Renewal>;
  closed: boolean;
}
