import { readTenant, writeTenant, type Issuer } from '@valetkey/core-types';
import type { Config } from '../config/config.ts';
import type { StoredIssuer, SubjectRule } from './store.ts';

/** The parts of an issuer record that decide who is which principal. */
export type PrincipalRecord = Pick<Issuer, 'issuer' | 'otherForms' | 'subjectClaims'>;

/** What a configuration would do to the principals in the store. */
export interface PrincipalChanges {
  /** A sentence for each issuer whose stored users would become other principals. */
  readonly problems: readonly string[];
  /** The rules to remember once there is no problem. Each names the rule that it replaces. */
  readonly rules: readonly { readonly rule: SubjectRule; readonly previous: string | undefined }[];
}

/** The rule of users that a broker stored before it remembered rules: the subject was always `sub`. */
const firstRule = 'sub';

/** Compares the issuers of a configuration with the stored ones. */
export function findPrincipalChanges(
  records: readonly PrincipalRecord[],
  migrated: Config['migratedIssuers'],
  stored: readonly StoredIssuer[],
): PrincipalChanges {
  const found = records.map((record) => {
    const { issuer, subjectClaims } = record;
    const isMigrated = migrated.some(
      (one) => one.issuer === issuer && ruleOf(one.subjectClaims) === ruleOf(subjectClaims),
    );
    const own = stored.filter((one) => formOf(record, one.issuer) !== undefined);
    const problems = isMigrated ? [] : describeChanges(record, own, stored);
    return { problems, rules: listRules(record, own, stored) };
  });
  return { problems: found.flatMap(({ problems }) => problems), rules: found.flatMap(({ rules }) => rules) };
}

function describeChanges(
  record: PrincipalRecord,
  own: readonly StoredIssuer[],
  stored: readonly StoredIssuer[],
): string[] {
  const users = own.filter(({ hasUsers }) => hasUsers);
  const rule = ruleOf(record.subjectClaims);
  const moved = new Set(users.map(({ issuer }) => formOf(record, issuer) as string));
  moved.delete(record.issuer);
  const rules = new Set(users.map(({ issuer }) => storedRule(issuer, stored)));
  rules.delete(rule);
  const consequence = 'so each of them would become a new principal, without its vendor users and its block';
  const migrate = `Or change these users in the tables vendor_user, created_vendor_user and blocked_user (or accept that they begin anew), and then set migratedIssuers: [{ issuer: ${JSON.stringify(record.issuer)}, subjectClaims: ${JSON.stringify(record.subjectClaims)} }].`;
  return [
    ...[...moved].map(
      (form) =>
        `issuers: the store has users whose issuer is ${form}, and the configuration has it as another form of ${record.issuer}, ${consequence}. Make ${form} the issuer of this record, and list ${record.issuer} in its otherForms (in a preset: in its field record). ${migrate}`,
    ),
    ...[...rules].map(
      (previous) =>
        `issuers: the store has users of ${record.issuer} whose subject is ${previous}, and the configuration makes ${rule} their subject, ${consequence}. Set the subjectClaims of this issuer back (in a preset: in its field record). ${migrate}`,
    ),
  ];
}

/** Returns the rules that are not in the store yet: that of the record, and those of its forms that have one of their own. */
function listRules(record: PrincipalRecord, own: readonly StoredIssuer[], stored: readonly StoredIssuer[]) {
  const subjectClaims = ruleOf(record.subjectClaims);
  const key = keyOf(record.issuer);
  const kept = stored.find(({ issuer }) => issuer === key)?.subjectClaims;
  const others = own.filter((one) => one.issuer !== key && one.subjectClaims !== undefined);
  return [
    { issuer: key, previous: kept },
    ...others.map((one) => ({ issuer: one.issuer, previous: one.subjectClaims })),
  ]
    .filter(({ previous }) => previous !== subjectClaims)
    .map(({ issuer, previous }) => ({ rule: { issuer, subjectClaims }, previous }));
}

/** Returns the rule by which the users of a stored issuer were stored. */
function storedRule(issuer: string, stored: readonly StoredIssuer[]): string {
  const ruled = stored.filter(({ subjectClaims }) => subjectClaims !== undefined);
  const exact = ruled.find((one) => one.issuer === issuer);
  return (exact ?? ruled.find((one) => readTenant(one.issuer, issuer) !== undefined))?.subjectClaims ?? firstRule;
}

/** Returns the form of a record that an issuer has. */
function formOf({ issuer, otherForms }: PrincipalRecord, stored: string): string | undefined {
  return [issuer, ...otherForms].find((form) => readTenant(form, stored) !== undefined);
}

/** The name of a placeholder may change: it is no part of the tokens. */
const keyOf = (issuer: string): string => writeTenant(issuer, '{}');

/** Returns the claims as one text: their names with a space between them. */
function ruleOf(subjectClaims: readonly string[]): string {
  return subjectClaims.map((claim) => claim.replaceAll(/[% ]/g, encodeURIComponent)).join(' ');
}
