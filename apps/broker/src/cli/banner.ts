import type { Decision } from '../storage/store.ts';
import type { Dev } from './dev.ts';

/** Returns what `valetkey dev` prints when it is ready: the addresses, and two commands that work as printed. */
export function devBanner({ brokerUrl, adminUrl, sandboxUrl, sandboxSummary }: Dev): string {
  return `
  Valet Key is ready.

    broker   ${brokerUrl}
    admin    ${adminUrl}
    sandbox  ${sandboxUrl}  (simulates ${sandboxSummary})

  1. Sign alice in. This prints a token of the simulated identity provider:

    curl "${sandboxUrl}/idp/dev-token?sub=alice"

  2. Get her Nabla tokens with it:

    curl -X POST ${brokerUrl}/v1/vendors/nabla/token -H "Authorization: Bearer TOKEN"

  Each decision is printed below. Ctrl-C stops everything.
`;
}

/** Callers choose subjects and connection names, and terminals obey some characters. */
function toPrintable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, '?').slice(0, 40);
}

/** Returns one line about a decision. */
export function describeDecision({ at, subject, operation, connection, vendorUserId, outcome }: Decision): string {
  const vendorUser = vendorUserId === undefined ? '' : `  (${toPrintable(vendorUserId)})`;
  const what = `${operation} ${toPrintable(connection)}`;
  return `  ${at.slice(11, 19)}  ${toPrintable(subject)}  ${what}  ${outcome}${vendorUser}`;
}
