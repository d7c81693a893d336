import { expect } from 'vitest';
import { ValetError } from '../valet-error.ts';

/** Resolves with the error that `call` rejects with; fails the test if it does not reject. */
export async function failureOf(call: Promise<unknown>): Promise<ValetError> {
  const outcome = await call.then(
    () => 'fulfilled',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(ValetError);
  return outcome as ValetError;
}
