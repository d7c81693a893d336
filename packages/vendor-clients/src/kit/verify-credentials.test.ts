import { ValetKeyError, type ErrorCode } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { verifyCredentials } from './verify-credentials.ts';

const vendor = { id: 'acme', title: 'Acme' };
const advice = 'Check `baseUrl`.';

/** Verifies against a server that responds to our key and to a wrong one with an error of a code, or without an error. */
function verifyWith(code: ErrorCode | undefined, wrongCode: ErrorCode | undefined): Promise<void> {
  const call = (failure: ErrorCode | undefined) => async (): Promise<void> => {
    if (failure !== undefined) throw new ValetKeyError(failure, 'no');
  };
  return verifyCredentials({ vendor, call: call(code), callWithWrongKey: call(wrongCode), advice });
}

test.each([undefined, 'vendor_user_not_found'] as const)(
  'a credential is valid if the server responds to it with %s and refuses a wrong one',
  async (code) => {
    await expect(verifyWith(code, 'vendor_auth_failed')).resolves.toBeUndefined();
  },
);

test.each(['vendor_auth_failed', 'vendor_timeout'] as const)(
  'a credential to which the server responds with %s rejects with that code',
  async (code) => {
    await expect(verifyWith(code, 'vendor_auth_failed')).rejects.toMatchObject({ code });
  },
);

test.each([undefined, 'vendor_user_not_found'] as const)(
  'a server that responds to a wrong key with %s is not the vendor',
  async (wrongCode) => {
    const rejection = { code: 'vendor_rejected', reason: 'refuses_no_key', vendor: 'acme', advice };
    await expect(verifyWith('vendor_user_not_found', wrongCode)).rejects.toMatchObject(rejection);
  },
);

test('a call with the wrong key that fails otherwise rejects with its own code', async () => {
  await expect(verifyWith(undefined, 'vendor_timeout')).rejects.toMatchObject({ code: 'vendor_timeout' });
});
