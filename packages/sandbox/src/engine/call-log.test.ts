import { expect, test } from 'vitest';
import { createCallLog } from './call-log.ts';

test('counts without bound, but names a bounded number of routes', () => {
  const log = createCallLog(['nabla', 'vital']);
  log.count('vital', 'POST /v2/user');
  for (let index = 0; index < 2000; index += 1) log.count('vital', `GET /${index} (unknown)`);
  log.count('vital', 'POST /v2/user');
  const { vital = {}, nabla } = log.counts();
  expect(vital['POST /v2/user']).toBe(2);
  expect(vital['(unknown)']).toBe(1001);
  expect(Object.keys(vital)).toHaveLength(1001);
  expect(nabla).toEqual({});
});
