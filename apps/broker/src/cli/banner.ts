import type { Decision } from '../storage/store.ts';
import type { Dev } from './dev.ts';

/** Returns the text that `valetkey dev` prints when it is ready: the addresses, and two commands to copy. */
export function devBanner({ brokerUrl, adminUrl, sandboxUrl, simulated }: Dev): string {
  return `
  Valet Key is ready.

    broker   ${brokerUrl}
    admin    ${adminUrl}
    sandbox  ${sandboxUrl}
             simulates ${simulated.join(', ')}

  In another terminal, sign alice in at the simulated identity provider, then
  get her Nabla tokens:

    curl -s "${sandboxUrl}/idp/dev-token?sub=alice" -o alice.txt
    curl -X POST ${brokerUrl}/v1/vendors/nabla/token -H "@alice.txt"

  Each decision of the broker is printed below. Ctrl-C stops everything.
`;
}

/** Returns a text that a terminal can print. Callers choose these texts, and some characters control a terminal. */
function toPrintable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, '?').slice(0, 40);
}

/** Returns one line of text about a decision. */
export function describeDecision({ at, subject, operation, connection, vendorUserId, outcome }: Decision): string {
  const vendorUser = vendorUserId === undefined ? '' : `  (${toPrintable(vendorUserId)})`;
  const what = `${operation} ${toPrintable(connection)}`;
  return `  ${at.slice(11, 19)}  ${toPrintable(subject)}  ${what}  ${outcome}${vendorUser}`;
}
