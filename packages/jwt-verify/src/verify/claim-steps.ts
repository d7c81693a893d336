import { isSameIdentifier, readClaim, type Issuer } from '@valetkey/core-types';
import { describeMark, hasMark, isAcceptedValue, type JsonObject, type TokenHeader } from '../token/token-text.ts';
import { invalidToken } from '../token/invalid-token.ts';
import type { Step } from './verification.ts';

const maxSubjectLength = 255;

/** Returns the sentence that the issuer's `remediations` have for a claim or header member. */
function remediationFor({ remediations }: Issuer, name: string): string | undefined {
  return Object.hasOwn(remediations, name) ? remediations[name] : undefined;
}

/** Checks the client of a token: `client_id` (RFC 9068 section 2.2) or the claims that the issuer uses instead. */
export const clientStep = {
  name: 'client',
  requirement: (issuer) => {
    if (issuer === undefined) return 'Issued to one of the clientIds of its issuer, if its issuer has clientIds.';
    const { clientIds, clientClaims, clientOptional } = issuer;
    if (clientIds === undefined) return 'Issued to any app.';
    const absent = clientOptional ? `, or with ${noneOf(clientClaims)}` : '';
    return `Issued to ${clientIds.join(' or ')} (${eachPresent(clientClaims)})${absent}.`;
  },
  run: ({ issuer: { clientIds, clientClaims, clientOptional }, claims }) => {
    if (clientIds === undefined) return;
    const named = clientClaims.map((path) => readClaim(claims, path)).filter((client) => (client ?? null) !== null);
    if (named.length === 0 && clientOptional) return;
    const isAccepted = (client: unknown) => clientIds.some((accepted) => isSameIdentifier(client, accepted));
    if (named.length > 0 && named.every(isAccepted)) return;
    const accepted = clientIds.join(' or ');
    throw invalidToken(
      'wrong_client',
      named.length === 0
        ? `The token does not name the app that it was issued to: it has ${noneOf(clientClaims)}.`
        : `The token was issued to another app: ${eachPresent(clientClaims)} must be ${accepted}.`,
      named.length === 0
        ? `Set the issuer's clientClaims to the claims in which this provider names the app (azp, cid, appid or client_id). The app must be ${accepted}. To accept tokens that name no app, set clientOptional to true.`
        : "Send a token that was issued to this app, or add the app's client id to the issuer's clientIds.",
    );
  },
} as const satisfies Step;

const noneOf = (names: readonly string[]) => (names.length === 1 ? `no ${names[0]}` : `none of ${names.join(', ')}`);

function eachPresent(names: readonly string[]): string {
  return names.length === 1 ? `its ${names[0]}` : `each of ${names.join(', ')} that it has`;
}

/** Checks the claims that a token of the issuer must and must not carry. */
export const claimRulesStep = {
  name: 'claim-rules',
  requirement: (issuer) => {
    if (issuer === undefined) return 'Every claim that its issuer requires, and none that its issuer forbids.';
    const required = [
      ...Object.entries(issuer.requiredClaims).map(([path, accepted]) =>
        accepted === 'any' ? path : `${path} (${accepted.join(' or ')})`,
      ),
      // A token that must not lack a claim must have it.
      ...issuer.forbiddenClaims.filter(({ absent }) => absent).map(({ claim }) => claim),
    ];
    const forbidden = issuer.forbiddenClaims.filter(({ absent }) => !absent).map(describeMark);
    if (required.length + forbidden.length === 0) return 'Any claims.';
    const must = required.length === 0 ? [] : [`Required: ${required.join(', ')}.`];
    const mustNot = forbidden.length === 0 ? [] : [`Forbidden: ${forbidden.join(', ')}.`];
    return [...must, ...mustNot].join(' ');
  },
  run: ({ issuer, claims }) => {
    for (const [path, accepted] of Object.entries(issuer.requiredClaims)) {
      if (isAcceptedValue(readClaim(claims, path), accepted)) continue;
      throw invalidToken(
        'missing_claim',
        accepted === 'any' ? `The token has no ${path}.` : `The token's ${path} must be ${accepted.join(' or ')}.`,
        remediationFor(issuer, path) ??
          `Send a token with an accepted value of ${path}. To accept other tokens too, change the issuer's requiredClaims.`,
      );
    }
    const found = issuer.forbiddenClaims.find((mark) => hasMark(claims, mark));
    if (found === undefined) return;
    throw invalidToken(
      'forbidden_claim',
      `The token has ${describeMark(found)}, which the issuer's forbiddenClaims exclude.`,
      remediationFor(issuer, found.claim) ??
        "Send another kind of token. To accept this kind, remove its mark from the issuer's forbiddenClaims.",
    );
  },
} as const satisfies Step;

/** Refuses the tokens of machines and of anonymous users, unless the issuer accepts them. */
export const personStep = {
  name: 'person',
  requirement: (issuer) => {
    if (issuer === undefined)
      return 'A token of a signed-in user, or of a machine or an anonymous user if its issuer accepts them.';
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
        `The token was issued to a machine, not to a user: it has ${describeMark(machine)}.`,
        "Send the token of a signed-in user. To accept machines too, set the issuer's machines.accepted to true.",
      );
    }
    const mark = anonymous.accepted ? undefined : anonymous.marks.find((each) => hasMark(claims, each));
    if (mark === undefined) return;
    throw invalidToken(
      'anonymous_user',
      `The token was issued to an anonymous user: it has ${describeMark(mark)}.`,
      "Have the user sign in. To accept anonymous users too, set the issuer's anonymous.accepted to true.",
    );
  },
} as const satisfies Step;

export const subjectStep = {
  name: 'subject',
  requirement: (issuer) => {
    const names = issuer?.subjectClaims ?? ['sub'];
    const { accepted, subjectClaims: machine } = issuer?.machines ?? {};
    const ofMachine =
      accepted && machine ? ` The subject of a machine is ${machinePrefix} and its ${machine.join(' and ')}.` : '';
    return names.length === 1
      ? `A subject (${names[0]}) of 1 to ${maxSubjectLength} characters.${ofMachine}`
      : `A subject of ${names.join(' and ')}: each is a non-empty string, and joined they have at most ${maxSubjectLength} characters.${ofMachine}`;
  },
  run: (verification) => {
    const { issuer, claims } = verification;
    verification.subject = subjectOf(issuer, claims);
  },
} as const satisfies Step;

/** Begins the subject of a machine whose claims differ from those of users, so that no user has the same subject. */
const machinePrefix = 'machine:';

/** Returns the subject. Several claims are joined with colons; a colon inside a value is escaped. */
export function subjectOf(issuer: Issuer, claims: JsonObject): string {
  const { marks, subjectClaims: machineClaims } = issuer.machines;
  const isMachine = machineClaims !== undefined && marks.some((mark) => hasMark(claims, mark));
  const subjectClaims = isMachine ? machineClaims : issuer.subjectClaims;
  const values = subjectClaims.map((path) => readClaim(claims, path));
  // In UTF-8, a lone surrogate becomes U+FFFD: two different subjects would become equal.
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.isWellFormed();
  const name = !values.every(isText)
    ? ''
    : values.length === 1
      ? (values[0] as string)
      : values.map((value) => encodeURIComponent(value)).join(':');
  const subject = isMachine ? `${machinePrefix}${name}` : name;
  const isForeign = machineClaims !== undefined && !isMachine && subject.startsWith(machinePrefix);
  if (name !== '' && subject.length <= maxSubjectLength && !isForeign) return subject;
  const names = subjectClaims.join(' and ');
  throw invalidToken(
    'malformed_subject',
    subjectClaims.length === 1
      ? `The token's ${names} must be a string of 1 to ${maxSubjectLength} characters.`
      : `The token's ${names} must each be a non-empty string, and joined have at most ${maxSubjectLength} characters.`,
    `Have the identity provider write a stable id into ${names}.`,
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
      remediationFor(issuer, name) ??
        `Send a token with an accepted ${name} in its header. To accept other tokens too, change the issuer's requiredHeaders.`,
    );
  }
  const found = issuer.forbiddenHeaders.find((name) => Object.hasOwn(members, name));
  if (found === undefined) return;
  throw invalidToken(
    'wrong_header',
    `The token's header has the member ${found}, which the issuer's forbiddenHeaders exclude.`,
    remediationFor(issuer, found) ??
      `Send a token without ${found} in its header. To accept such tokens, remove ${found} from the issuer's forbiddenHeaders.`,
  );
}
