import type { RecordRefusal } from '../identity/identify.ts';
import type { Audit } from './audit.ts';

/** The configured connections, by name. */
type KnownConnections = ReadonlyMap<string, { readonly vendor: { readonly id: string } }>;

/** Creates what records that a verified caller is refused before its operation begins. */
export function createRecordRefusal(audit: Audit, connections: KnownConnections): RecordRefusal {
  return async (principal, { id, operation, connection, clientAddress, token }, { code, reason }) => {
    const known = connection === undefined ? undefined : connections.get(connection);
    await audit.record({
      requestId: id,
      operation,
      ...(known !== undefined && { connection, vendor: known.vendor.id }),
      issuer: principal.issuer,
      subject: principal.subject,
      outcome: code,
      reason,
      clientAddress,
      tokenFingerprint: audit.fingerprint(token, principal),
    });
  };
}
