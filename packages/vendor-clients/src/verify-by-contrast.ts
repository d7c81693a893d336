import { ValetKeyError } from '@valetkey/core-types';
import type { VendorName } from './door/answer.ts';

interface Contrast {
  readonly vendor: VendorName;
  /** Asks for somebody whom nobody is, with our credentials. */
  readonly ask: () => Promise<unknown>;
  /** Asks the same with credentials that are wrong. */
  readonly askWrongly: () => Promise<unknown>;
  /** What the operator should look at where both get the same answer. */
  readonly advice: string;
}

/**
 * Tells whether a vendor takes our credentials, by asking for somebody who does not exist: it says so to those whom it
 * lets in. A server that is not the vendor's says the same to everybody, hence the second question.
 */
export async function verifyByContrast({ vendor, ask, askWrongly, advice }: Contrast): Promise<void> {
  await passOverNobody(ask);
  try {
    await passOverNobody(askWrongly);
  } catch (failure) {
    if (ValetKeyError.isInstance(failure) && failure.code === 'vendor_auth_failed') return;
    throw failure;
  }
  throw new ValetKeyError('vendor_rejected', `What answers is not ${vendor.title}: it refuses no key.`, {
    vendor: vendor.id,
    reason: 'refuses_no_key',
    advice,
  });
}

async function passOverNobody(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (failure) {
    if (!ValetKeyError.isInstance(failure) || failure.code !== 'vendor_user_not_found') throw failure;
  }
}
