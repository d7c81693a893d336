import { expect, test } from 'vitest';
import { createCallLog } from './call-log.ts';

test('the call log counts every call, but keeps the names of at most a thousand routes', () => {
  const log = createCallLog(['acme', 'globex']);
  log.count('acme', 'POST /v2/user');
  for (let index = 0; index < 2000; index += 1) log.count('acme', `GET /${index} (unknown)`);
  log.count('acme', 'POST /v2/user');
  const { acme = {}, globex } = log.counts();
  expect(acme['POST /v2/user']).toBe(2);
  expect(acme['(unknown)']).toBe(1001);
  expect(Object.keys(acme)).toHaveLength(1001);
  expect(globex).toEqual({});
});
