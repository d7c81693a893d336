import { ValetError, type ValetErrorCode } from '../errors/valet-error.ts';

export function signedOutError(): ValetError {
  return new ValetError('signed_out', 'There is no session, or it has ended.');
}

export function pendingError(): ValetError {
  return new ValetError('reauthentication_required', 'The same user must sign in again.');
}

export function alreadySignedInError(): ValetError {
  return new ValetError('already_signed_in', 'A user is signed in already.');
}

export function storageError(): ValetError {
  return new ValetError('storage_unavailable', 'The storage cannot be read or written.');
}

export function isCode(error: unknown, ...codes: readonly ValetErrorCode[]): error is ValetError {
  return ValetError.isInstance(error) && codes.includes(error.code);
}

/** Runs a function and turns what it throws into a `ValetError`, whose message quotes nothing. */
export async function asValetError<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    if (ValetError.isInstance(cause)) throw cause;
    throw new ValetError('internal', 'A function of the vendor threw the `cause`.', {
      cause,
    });
  }
}
