import { errorTable } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createValetClient } from '../client/client.ts';
import { problem, startFakeBroker } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { ValetError } from './valet-error.ts';

test.each(Object.entries(errorTable))(
  'a ValetError with the code %s is retryable if the broker says so in its table',
  async (code, entry) => {
    const broker = await startFakeBroker(() => problem(entry.status, code));
    const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => 'app-token' });

    expect(await failureOf(valet.issue('nabla'))).toMatchObject({ code, retryable: entry.retryable });
  },
);

test('ValetError.isInstance accepts a ValetError, even of another copy of the package, and nothing else', () => {
  const foreign = Object.defineProperty(new Error('x'), Symbol.for('valetkey.client-error'), { value: true });

  expect(ValetError.isInstance(new ValetError('timeout', 'x'))).toBe(true);
  expect(ValetError.isInstance(foreign)).toBe(true);
  expect(ValetError.isInstance(new Error('x'))).toBe(false);
  expect(ValetError.isInstance(null)).toBe(false);
});
