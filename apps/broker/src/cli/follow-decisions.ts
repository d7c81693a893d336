import type { DecisionList, DecisionParameters, ListedDecision } from './listed-decisions.ts';

/** The clocks of several brokers may differ by so much: a decision that is recorded later may have an earlier time. */
const overlapMs = 5000;

interface FollowDependencies {
  readonly parameters: DecisionParameters;
  readonly list: (parameters: DecisionParameters) => Promise<DecisionList>;
  readonly report: (decision: ListedDecision) => void;
  /** Resolves when it is time to look again. */
  readonly wait: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Reports each decision that is recorded from now on, oldest first, until the signal aborts. Only the times of the decisions
 * themselves are compared, so the clock of this machine does not matter.
 */
export async function followDecisions({ parameters, list, report, wait, signal }: FollowDependencies): Promise<void> {
  // The newest decision of all: the newest selected one may be far back, and the broker would have to search for it.
  const {
    decisions: [newest],
  } = await list({ limit: '1' });
  let since = newest && earlier(newest.at);
  let seen = new Set((await listAll(list, { ...parameters, since })).map(keyOf));
  for (;;) {
    await wait();
    if (signal.aborted) return;
    const found = await listAll(list, { ...parameters, since });
    for (const decision of found.toReversed()) {
      if (!seen.has(keyOf(decision))) report(decision);
    }
    seen = new Set(found.map(keyOf));
    const [last] = found;
    if (last !== undefined) since = earlier(last.at);
  }
}

async function listAll(list: FollowDependencies['list'], parameters: DecisionParameters): Promise<ListedDecision[]> {
  const all: ListedDecision[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await list({ ...parameters, limit: '1000', cursor });
    all.push(...page.decisions);
    if (page.next_cursor === undefined) return all;
    cursor = page.next_cursor;
  }
}

const keyOf = (decision: ListedDecision) => JSON.stringify(decision);
const earlier = (at: string) => new Date(Date.parse(at) - overlapMs).toISOString();
