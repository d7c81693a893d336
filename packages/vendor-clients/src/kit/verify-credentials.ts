import { Secret, ValetKeyError, type Verification } from '@valetkey/core-types';
import type { VendorName } from './door/response.ts';

interface Check {
  readonly vendor: VendorName;
  /** The option that holds the credential. */
  readonly credential: string;
  /** Requests a user that cannot exist, with the configured credential. Rejects with `vendor_user_not_found`. */
  readonly call: () => Promise<unknown>;
  /** Sends the same request with a wrong key. */
  readonly callWithWrongKey: (wrongKey: Secret) => Promise<unknown>;
  /** What the operator should check if the wrong key is accepted. */
  readonly advice: string;
}

const wrongKey = new Secret('valetkey-verify-wrong-key');

/**
 * Verifies a credential, without any effect at the vendor, by requesting a user that cannot exist: the vendor says "no such
 * user" only to a caller that it accepts. A server that is not the vendor may say so to every caller, so the request
 * is sent again with a wrong key, which the vendor must refuse.
 *
 * Resolves to the proof. Rejects with `vendor_auth_failed` if the credential is refused, and with `vendor_rejected` if the wrong key is accepted.
 *
 * @example
 * ```ts
 * await verifyCredentials({
 *   vendor,
 *   credential: 'apiKey',
 *   call: () => apiKey.use((key) => readUser(key, 'valetkey-verify')),
 *   callWithWrongKey: (wrongKey) => readUser(wrongKey, 'valetkey-verify'),
 *   advice: 'Check `baseUrl`.',
 * });
 * ```
 */
export async function verifyCredentials({
  vendor,
  credential,
  call,
  callWithWrongKey,
  advice,
}: Check): Promise<Verification> {
  await ignoreMissingUser(call());
  try {
    await ignoreMissingUser(callWithWrongKey(wrongKey));
  } catch (failure) {
    if (ValetKeyError.isInstance(failure) && failure.code === 'vendor_auth_failed') {
      return { proven: [`\`${credential}\` is accepted, and a wrong key is refused`] };
    }
    throw failure;
  }
  throw new ValetKeyError('vendor_rejected', `The server is not ${vendor.title}: it accepts a wrong key.`, {
    vendor: vendor.id,
    reason: 'refuses_no_key',
    advice,
  });
}

async function ignoreMissingUser(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (failure) {
    if (!ValetKeyError.isInstance(failure) || failure.code !== 'vendor_user_not_found') throw failure;
  }
}
