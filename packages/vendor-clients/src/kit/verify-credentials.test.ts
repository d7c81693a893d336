import { ValetKeyError, type ErrorCode, type Verification } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { verifyCredentials } from './verify-credentials.ts';

const vendor = { id: 'acme', title: 'Acme' };
const advice = 'Check `baseUrl`.';

/** Verifies against a server that responds to the configured key and to the wrong key with these codes, or with success. */
function verifyWith(code: ErrorCode | undefined, wrongCode: ErrorCode | undefined): Promise<Verification> {
  const call = (failure: ErrorCode | undefined) => async (): Promise<void> => {
    if (failure !== undefined) throw new ValetKeyError(failure, 'no');
  };
  return verifyCredentials({
    vendor,
    credential: 'apiKey',
    call: call(code),
    callWithWrongKey: call(wrongCode),
    advice,
  });
}

test.each([undefined, 'vendor_user_not_found'] as const)(
  'a credential is valid if the server responds to it with %s and refuses a wrong key',
  async (code) => {
    await expect(verifyWith(code, 'vendor_auth_failed')).resolves.toEqual({
      proven: ['`apiKey` is accepted, and a wrong key is refused'],
    });
  },
);

test.each(['vendor_auth_failed', 'vendor_timeout'] as const)(
  'verifyCredentials rejects with %s if the server responds to the credential with it',
  async (code) => {
    await expect(verifyWith(code, 'vendor_auth_failed')).rejects.toMatchObject({ code });
  },
);

test.each([undefined, 'vendor_user_not_found'] as const)(
  'verifyCredentials rejects if the server responds to a wrong key with %s',
  async (wrongCode) => {
    const rejection = { code: 'vendor_rejected', reason: 'refuses_no_key', vendor: 'acme', advice };
    await expect(verifyWith('vendor_user_not_found', wrongCode)).rejects.toMatchObject(rejection);
  },
);

test('verifyCredentials rejects with the code of the call with the wrong key if that call fails otherwise', async () => {
  await expect(verifyWith(undefined, 'vendor_timeout')).rejects.toMatchObject({ code: 'vendor_timeout' });
});
