import { ValetKeyError, type ErrorCode } from '@valetkey/core-types';
import type { PrincipalId } from '../storage/store.ts';
import type { Connection, Connections } from './connections.ts';

/** What became of the tokens of a blocked user at one connection. */
export interface Revocation {
  readonly connection: string;
  readonly vendor: string;
  readonly vendorUserId: string;
  /** `allowed`, or the code of the error. */
  readonly outcome: 'allowed' | ErrorCode;
  readonly reason?: string | undefined;
}

/**
 * Withdraws the tokens of a user at each vendor that can withdraw them, as far as the broker knows the user there. A vendor that
 * fails stops no other one, and is in the result.
 */
export async function revokeTokens(
  connections: Connections,
  { issuer, subject }: PrincipalId,
): Promise<readonly Revocation[]> {
  // The token of the user is not at hand, so that a vendor user which another claim than `sub` names stays unknown.
  const principal = { issuer, subject, scopes: [], claims: {} };
  const withdrawn = [...connections.values()].map(async (connection) => {
    const { vendor, users } = connection;
    if (vendor.revoke === undefined) return [];
    const vendorUserId = await users.known(principal);
    return vendorUserId === undefined ? [] : [await revoke(connection, vendor.revoke, vendorUserId)];
  });
  return (await Promise.all(withdrawn)).flat();
}

async function revoke(
  { name, vendor }: Connection,
  withdraw: (vendorUserId: string) => Promise<void>,
  vendorUserId: string,
): Promise<Revocation> {
  const revocation = { connection: name, vendor: vendor.id, vendorUserId };
  try {
    await withdraw(vendorUserId);
    return { ...revocation, outcome: 'allowed' };
  } catch (error) {
    // A 401 is only ever about the broker's own caller.
    if (!ValetKeyError.isInstance(error) || error.status === 401) return { ...revocation, outcome: 'internal' };
    return { ...revocation, outcome: error.code, reason: error.reason };
  }
}
