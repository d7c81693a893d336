import { expect } from 'vitest';
import { ValetError } from '../errors/valet-error.ts';

/** Resolves with the ValetError that `call` rejects with. Fails the test if `call` does not reject with one. */
export async function failureOf(call: Promise<unknown>): Promise<ValetError> {
  const outcome = await call.then(
    () => 'fulfilled',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(ValetError);
  return outcome as ValetError;
}
