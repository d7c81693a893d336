import type { Dev } from './dev.ts';
import type { Decision } from './store.ts';

/** What `valetkey dev` prints when it is ready: the addresses, and two commands that work as they stand. */
export function devBanner({ brokerUrl, adminUrl, sandboxUrl }: Dev): string {
  return `
  Valet Key is ready.

    broker   ${brokerUrl}
    admin    ${adminUrl}
    sandbox  ${sandboxUrl}   five vendors and two identity providers, simulated

  Sign alice in, then get her Nabla tokens:

    TOKEN=$(curl -s ${sandboxUrl}/idp/dev-token -H 'content-type: application/json' -d '{"sub":"alice"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
    curl -s -X POST ${brokerUrl}/v1/vendors/nabla/token -H "authorization: Bearer $TOKEN"

  Others to try: nudge, vital. Ctrl-C stops everything.
`;
}

// Subjects, vendor names of the path and vendor user ids are strangers' texts, and a terminal obeys some of them.
const printable = (text: string) => text.replaceAll(/[^\x20-\x7e]+/g, '?').slice(0, 40);

/** One line for each decision, for a person who watches. */
export function describeDecision({ at, subject, operation, vendor, vendorUserId, outcome }: Decision): string {
  const vendorUser = vendorUserId === undefined ? '' : `  (${printable(vendorUserId)})`;
  return `  ${at.slice(11, 19)}  ${printable(subject)}  ${operation} ${printable(vendor)}  ${outcome}${vendorUser}`;
}
