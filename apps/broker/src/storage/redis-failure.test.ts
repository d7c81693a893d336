import { expect, test } from 'vitest';
import { describeRedisFailure } from './redis-failure.ts';

test.each([
  ['ECONNREFUSED', 'is unreachable (ECONNREFUSED)'],
  ['timeout', 'is unreachable (timeout)'],
  ['WRONGPASS', 'refuses the broker (WRONGPASS)'],
  ['NOAUTH', 'refuses the broker (NOAUTH)'],
  ['NOPERM', 'may call EVAL'],
  ['READONLY', 'leads to the primary'],
  ['MASTERDOWN', 'leads to the primary'],
  ['LOADING', 'cannot serve the broker in its role (LOADING)'],
  ['MOVED', 'cannot serve the broker in its role (MOVED)'],
  ['OOM', 'maxmemory'],
  ['ERR', 'the number of the database'],
  ['BUSY', 'cannot serve the broker at the moment (BUSY)'],
  ['MISCONF', 'read the log of the server'],
  ['REDIS_CLUSTER', 'is a node of a Redis Cluster'],
  ['REDIS_SENTINEL', 'is a Sentinel'],
])('describeRedisFailure explains the code %s', (code, text) => {
  expect(describeRedisFailure(code)).toContain(text);
});
