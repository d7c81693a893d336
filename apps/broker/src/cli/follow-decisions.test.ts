import { expect, test } from 'vitest';
import type { ListedDecision } from './listed-decisions.ts';
import { followDecisions } from './follow-decisions.ts';

const decide = (request: string, second: number): ListedDecision => ({
  at: `2026-01-01T14:02:${String(second).padStart(2, '0')}.000Z`,
  request_id: request,
  operation: 'issue',
  connection: 'nabla',
  issuer: 'https://id.example.com',
  subject: 'alice',
  outcome: 'allowed',
});

/** Follows decisions while `steps` add some of them, one step before each further look. Returns the reported request ids. */
async function follow(present: readonly ListedDecision[], steps: readonly (readonly ListedDecision[])[]) {
  const decisions = [...present];
  const left = [...steps];
  const ended = new AbortController();
  const reported: string[] = [];
  await followDecisions({
    parameters: { subject: 'alice' },
    list: async ({ since = '', limit, cursor = '0', subject }) => {
      // The newest decision of all is read first.
      expect(subject).toBe(limit === '1' ? undefined : 'alice');
      const found = decisions.filter(({ at }) => at >= since).toSorted((one, other) => other.at.localeCompare(one.at));
      const pageSize = Math.min(Number(limit), 2);
      const end = Number(cursor) + pageSize;
      return { decisions: found.slice(Number(cursor), end), ...(end < found.length && { next_cursor: String(end) }) };
    },
    report: (decision) => reported.push(decision.request_id),
    wait: async () => {
      const step = left.shift();
      if (step === undefined) ended.abort();
      else decisions.push(...step);
    },
    signal: ended.signal,
  });
  return reported;
}

test('followDecisions reports each decision that is recorded after its start once, oldest first, whatever the page size is', async () => {
  const steps = [[decide('a', 21), decide('b', 22), decide('c', 23), decide('d', 24)], [], [decide('e', 24)]];
  expect(await follow([decide('old', 1), decide('newest', 20)], steps)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('followDecisions reports the first decision of an empty audit', async () => {
  expect(await follow([], [[], [decide('a', 1)], []])).toEqual(['a']);
});

test('followDecisions reports a decision of a broker whose clock is four seconds behind', async () => {
  expect(await follow([decide('newest', 20)], [[decide('a', 30)], [decide('behind', 26)], []])).toEqual([
    'a',
    'behind',
  ]);
});
