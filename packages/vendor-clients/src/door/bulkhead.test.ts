import { expect, test } from 'vitest';
import { createBulkhead } from './bulkhead.ts';

test('a full bulkhead refuses at once, and a place that is left is free again, once', () => {
  const bulkhead = createBulkhead({ id: 'nabla', title: 'Nabla' }, 2);
  const leave = bulkhead.enter();
  bulkhead.enter();
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded', retryAfterSeconds: 1 }));
  leave();
  leave();
  bulkhead.enter();
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded' }));
});
