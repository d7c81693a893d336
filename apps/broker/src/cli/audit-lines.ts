import { errorTable } from '@valetkey/core-types';
import type { ListedDecision } from './listed-decisions.ts';
import { toPrintable } from './terminal.ts';

const timeOf = (at: string) => `${at.slice(0, 19).replace('T', ' ')} UTC`;

/** Returns one line about a decision: time, outcome, principal, connection, operation and reason. */
export function describeRow(decision: ListedDecision): string {
  const { at, outcome, issuer, subject, connection, operation, reason, request_id: requestId } = decision;
  const parts = [timeOf(at), outcome, `${subject} (${issuer})`, connection ?? '-', operation, reason ?? '-', requestId];
  return toPrintable(parts.join('  '));
}

/** Returns sentences that explain a decision. */
export function explainDecision(decision: ListedDecision): string {
  const { at, issuer, subject, outcome, actor, observed } = decision;
  const { vendor_status: status, duration_ms: duration, trace_id: trace } = decision;
  const person = subject === '' ? 'A forgotten user' : subject;
  const sentences = [
    `${timeOf(at)}: ${person} of the issuer ${issuer} ${describeOperation(decision)}.`,
    outcome === 'allowed' ? 'The broker allowed it.' : `The outcome was ${outcome}.`,
    ...(outcome === 'allowed' ? [] : describeReason(decision)),
    ...(observed === undefined ? [] : [`Rules that only observe would have refused it: ${observed}.`]),
    ...describeRepetitions(decision),
    ...(actor === undefined ? [] : [describeActor(actor)]),
    ...(status === undefined ? [] : [`The vendor responded with the status ${status}.`]),
    ...(duration === undefined ? [] : [`It took ${duration} ms.`]),
    ...(trace === undefined ? [] : [`Its trace is ${trace}.`]),
    ...(Object.hasOwn(errorTable, outcome)
      ? [`What the caller can do: ${errorTable[outcome as keyof typeof errorTable].remediation}`]
      : []),
  ];
  return sentences.map(toPrintable).join('\n  ');
}

/** Only the actor of an operator has spaces: its parts are the name, the subject and the issuer. */
function describeActor(actor: string): string {
  return actor.includes(' ') ? `The operator is ${actor}.` : `The operator used the admin token ${actor}.`;
}

function describeRepetitions({ times, last_at: lastAt, client_address: address }: ListedDecision): string[] {
  return [
    ...(times === undefined || lastAt === undefined ? [] : [`It happened ${times} times until ${timeOf(lastAt)}.`]),
    ...(address === undefined ? [] : [`The request came from ${address}.`]),
  ];
}

function describeOperation(decision: ListedDecision): string {
  const { operation, connection, vendor, method, path, vendor_user_id: user = 'unknown' } = decision;
  const target = `the connection ${connection}${vendor === undefined || vendor === connection ? '' : ` (${vendor})`}`;
  const call = [method, path].filter((part) => part !== undefined).join(' ');
  switch (operation) {
    case 'issue':
      return `requested a token of ${target}`;
    case 'proxy':
      return `called the vendor through ${target}${call === '' ? '' : `: ${call}`}`;
    case 'block':
      return 'was blocked';
    case 'administer':
      return 'called the admin API';
    case 'unblock':
      return 'was unblocked';
    case 'revoke':
      return `was to lose the tokens of the vendor user ${user} of ${target}`;
    case 'logout':
      return 'was signed out by the identity provider';
    case 'forget':
      return 'was forgotten';
    case 'map':
      return `received the vendor user ${user} of ${target}`;
    case 'unmap':
      return `lost the vendor user ${user} of ${target}`;
    default:
      return `requested ${operation} of ${target}`;
  }
}

/** The rules of a connection: what a refusal by each of them means. */
const rules: Readonly<Record<string, string>> = {
  issuers: 'The rule `issuers` of the connection does not name this issuer',
  requiredScopes: 'The token lacked scopes that the rule `requiredScopes` of the connection names',
  requiredClaims: 'Claims of the token did not have the values that the rule `requiredClaims` of the connection names',
  'policy.default': 'No rule of the connection names the operation, and `policy.default` is deny',
  'policy.decide': 'The function `policy.decide` of the connection did not allow it',
  allow: 'No entry of the list `allow` of the connection has this method and path',
};

function describeReason({ reason }: ListedDecision): string[] {
  if (reason === undefined) return [];
  const [, rule = '', names] = /^([\w.]+)(?:: (.*))?$/.exec(reason) ?? [];
  if (!Object.hasOwn(rules, rule)) return [`The reason was ${reason}.`];
  return [`${rules[rule]}${names === undefined ? '' : `: ${names}`}.`];
}
