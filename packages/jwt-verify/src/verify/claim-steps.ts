import type { Issuer } from '@valetkey/core-types';
import { describeMark, hasMark, isAcceptedValue, readClaim } from '../token/claims.ts';
import { invalidToken } from '../token/invalid-token.ts';
import type { JsonObject, TokenHeader } from '../token/token-text.ts';
import type { Step } from './verification.ts';

const maxSubjectLength = 255;

/** Returns the sentence that the issuer's `advice` has for a claim or header member. */
function adviceOn({ advice }: Issuer, name: string): string | undefined {
  return Object.hasOwn(advice, name) ? advice[name] : undefined;
}

/** Checks the client of a token: `client_id` (RFC 9068 section 2.2) or the claims that the issuer uses instead. */
export const clientStep = {
  name: 'client',
  requirement: (issuer) => {
    if (issuer === undefined) return 'Issued to one of the clientIds of its issuer, if that has any.';
    const { clientIds, clientClaims, clientOptional } = issuer;
    if (clientIds === undefined) return 'Issued to any app.';
    const absent = clientOptional ? ', or to an app that it does not name' : '';
    return `Issued to ${clientIds.join(' or ')} (${clientClaims.join(' or ')})${absent}.`;
  },
  run: ({ issuer: { clientIds, clientClaims, clientOptional }, claims }) => {
    if (clientIds === undefined) return;
    const named = clientClaims.map((path) => readClaim(claims, path)).filter((client) => client !== undefined);
    if (named.length === 0 && clientOptional) return;
    if (named.length > 0 && named.every((client) => typeof client === 'string' && clientIds.includes(client))) return;
    const names = clientClaims.join(' or ');
    throw invalidToken(
      'wrong_client',
      named.length === 0
        ? `The token does not name the app that it was issued to: it has no ${names}, which must be ${clientIds.join(' or ')}.`
        : `The token was issued to another app: its ${names} must be ${clientIds.join(' or ')}.`,
      named.length === 0
        ? "Set the issuer's clientClaims to the claims in which this provider names the app (azp, cid, appid or client_id)."
        : "Send a token that was issued to this app, or add the app's client id to the issuer's clientIds.",
    );
  },
} as const satisfies Step;

/** Checks the claims that a token of the issuer must and must not carry. */
export const claimRulesStep = {
  name: 'claim-rules',
  requirement: (issuer) => {
    if (issuer === undefined) return 'The required claims of its issuer, and none of the forbidden ones.';
    const required = Object.keys(issuer.requiredClaims);
    const forbidden = issuer.forbiddenClaims.map(describeMark);
    if (required.length + forbidden.length === 0) return 'Any claims.';
    const must = required.length === 0 ? [] : [`with accepted values of ${required.join(', ')}`];
    const mustNot = forbidden.length === 0 ? [] : [`without ${forbidden.join(', ')}`];
    return `Claims ${[...must, ...mustNot].join(' and ')}.`;
  },
  run: ({ issuer, claims }) => {
    for (const [path, accepted] of Object.entries(issuer.requiredClaims)) {
      if (isAcceptedValue(readClaim(claims, path), accepted)) continue;
      throw invalidToken(
        'missing_claim',
        accepted === 'any' ? `The token has no ${path}.` : `The token's ${path} must be ${accepted.join(' or ')}.`,
        adviceOn(issuer, path) ??
          `Send a token that carries this claim, or change the issuer's requiredClaims if its tokens are right without it.`,
      );
    }
    const found = issuer.forbiddenClaims.find((mark) => hasMark(claims, mark));
    if (found === undefined) return;
    throw invalidToken(
      'forbidden_claim',
      `The token has ${describeMark(found)}, and such tokens are not accepted here.`,
      adviceOn(issuer, found.claim) ??
        "Send a token of the kind that the issuer's forbiddenClaims let pass, or change forbiddenClaims.",
    );
  },
} as const satisfies Step;

/** Refuses the tokens of machines and of anonymous users, unless the issuer accepts them. */
export const personStep = {
  name: 'person',
  requirement: (issuer) => {
    if (issuer === undefined) return 'A token of a signed-in user, unless its issuer accepts others.';
    const others = [
      ...(issuer.machines.accepted ? ['of a machine'] : []),
      ...(issuer.anonymous.accepted ? ['of an anonymous user'] : []),
    ];
    return `A token ${['of a signed-in user', ...others].join(' or ')}.`;
  },
  run: ({ issuer: { machines, anonymous }, claims }) => {
    const machine = machines.accepted ? undefined : machines.marks.find((mark) => hasMark(claims, mark));
    if (machine !== undefined) {
      throw invalidToken(
        'machine_token',
        `The token is of a machine and not of a user: it has ${describeMark(machine)}.`,
        "Send the token of a signed-in user. If services may call as well, set the issuer's machines.accepted to true.",
      );
    }
    if (anonymous.accepted || !anonymous.marks.some((mark) => hasMark(claims, mark))) return;
    throw invalidToken(
      'anonymous_user',
      'The token is of an anonymous user.',
      "Have the user sign in. If anonymous users may call as well, set the issuer's anonymous.accepted to true.",
    );
  },
} as const satisfies Step;

export const subjectStep = {
  name: 'subject',
  requirement: (issuer) => {
    const names = issuer?.subjectClaims.join(' and ') ?? 'sub';
    return `A subject (${names}) of 1 to ${maxSubjectLength} characters.`;
  },
  run: (verification) => {
    const { issuer, claims } = verification;
    verification.subject = subjectOf(issuer, claims);
  },
} as const satisfies Step;

/** Returns the subject. Several claims are joined with colons; a colon inside a value is escaped. */
function subjectOf({ subjectClaims }: Issuer, claims: JsonObject): string {
  const values = subjectClaims.map((path) => readClaim(claims, path));
  // In UTF-8, a lone surrogate becomes U+FFFD: two different subjects would become equal.
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.isWellFormed();
  const subject = !values.every(isText)
    ? ''
    : values.length === 1
      ? (values[0] as string)
      : values.map((value) => encodeURIComponent(value)).join(':');
  if (subject !== '' && subject.length <= maxSubjectLength) return subject;
  const names = subjectClaims.join(' and ');
  throw invalidToken(
    'malformed_subject',
    `The token's ${names} is not a string of 1 to ${maxSubjectLength} characters.`,
    `Have the identity provider put a stable user id into ${names}.`,
  );
}

/** Checks the header members that a token of the issuer must and must not have. */
export function checkHeaderRules(issuer: Issuer, { members }: TokenHeader): void {
  for (const [name, accepted] of Object.entries(issuer.requiredHeaders)) {
    if (isAcceptedValue(Object.hasOwn(members, name) ? members[name] : undefined, accepted)) continue;
    throw invalidToken(
      'wrong_header',
      accepted === 'any'
        ? `The token's header has no ${name}.`
        : `The ${name} of the token's header must be ${accepted.join(' or ')}.`,
      adviceOn(issuer, name) ?? "Send another token of this provider, or change the issuer's requiredHeaders.",
    );
  }
  const found = issuer.forbiddenHeaders.find((name) => Object.hasOwn(members, name));
  if (found === undefined) return;
  throw invalidToken(
    'wrong_header',
    `The token's header has the member ${found}, and such tokens are not accepted here.`,
    adviceOn(issuer, found) ?? "Send another token of this provider, or change the issuer's forbiddenHeaders.",
  );
}
