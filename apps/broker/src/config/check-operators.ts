import { formsOverlap, isSameIdentifier, type IssuerOptions } from '@valetkey/core-types';
import { parseIssuers } from '@valetkey/jwt-verify';
import { describeUnknown, isAmong, type CheckedConnections } from './check-connections.ts';
import { findRefusedUrls, namesRefusedHost } from './check-issuer-urls.ts';
import type { OperatorsConfig } from './config.ts';
import type { OperatorsField } from './operator-fields.ts';
import { listIssuers } from './policy-rules.ts';

/** The issuers of apps and of operators. No token is accepted for both. */
interface SeparatedIssuers {
  readonly issuers: readonly IssuerOptions[];
  readonly operators: OperatorsConfig | undefined;
  readonly problems: readonly string[];
}

const field = 'admin.operators.issuer';

/**
 * Checks the identity provider of the operators, and separates its tokens from those of apps: no audience belongs to both, and a
 * token that names audiences of both is refused by both.
 */
export function checkOperators(
  operators: OperatorsField | undefined,
  { issuers, egress }: Pick<CheckedConnections, 'issuers' | 'egress'>,
): SeparatedIssuers {
  if (operators === undefined) return { issuers, operators, problems: [] };
  const { issuer: issuerField, ...others } = operators;
  const { clientCertificate, ...record } = issuerField;
  const problems = [
    ...findRecordProblems(record),
    ...findRefusedUrls(record, egress).map((name) => `${field}.${name}: ${namesRefusedHost}`),
    ...findSharedTokens(record, issuers),
    ...listIssuers(operators.require, 'admin.operators.require').flatMap(([path, issuer]) =>
      isAmong([record.issuer], issuer) ? [] : [`${path}: ${describeUnknown([record.issuer])}`],
    ),
  ];
  const issuer = refuseAudiences(
    record,
    issuers.flatMap(({ audiences }) => audiences ?? []),
    'Send an access token whose aud names only the audience of the admin API.',
  );
  return {
    issuers: issuers.map((app) =>
      refuseAudiences(app, record.audiences ?? [], 'Send an access token whose aud does not name the admin API.'),
    ),
    operators: { ...others, issuer, clientCertificate },
    problems,
  };
}

function findRecordProblems(record: IssuerOptions): string[] {
  const lookUp = (['introspection', 'resolver'] as const).filter((name) => record[name] !== undefined);
  const problems = lookUp.map(
    (name) =>
      `${field}.${name}: must be absent, because the broker would send a mistyped admin token to the identity provider`,
  );
  if (record.backChannelLogout !== undefined) {
    problems.push(
      `${field}.backChannelLogout: has no effect here; set it on the record of the same issuer under \`issuers\``,
    );
  }
  if (record.dpop !== undefined) {
    problems.push(`${field}.dpop: must be absent, because the admin API accepts only bearer tokens`);
  }
  if (record.audiences === null) {
    problems.push(
      `${field}.audiences: must be a list, because otherwise every app's token of this identity provider would be accepted`,
    );
  }
  try {
    parseIssuers([record]);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    problems.push(error.message.replaceAll('issuers.0', field));
  }
  return problems;
}

/** Returns a problem for each issuer of apps whose tokens the admin API would accept, or that would accept an operator's token. */
function findSharedTokens(record: IssuerOptions, issuers: readonly IssuerOptions[]): string[] {
  return issuers.flatMap((app) => {
    const isShared = (record.audiences ?? []).some((audience) =>
      app.audiences?.some((other) => isSameIdentifier(audience, other)),
    );
    const problems = isShared
      ? [`${field}.audiences: has an audience of apps; give the admin API an audience of its own`]
      : [];
    if (!haveSharedForm(record, app)) return problems;
    if (app.audiences === null) {
      problems.push(
        `${field}: is also an identity provider of apps whose \`audiences\` is null, so that apps would accept an operator's token; set its audiences, or use another identity provider for operators`,
      );
    }
    // Otherwise a blocked user would be another principal here, and could go on as an operator.
    if (!formsOverlap(record.issuer, app.issuer) || subjectRuleOf(record) !== subjectRuleOf(app)) {
      problems.push(
        `${field}: is also an identity provider of apps, so that it needs the same \`issuer\`, \`subjectClaims\` and \`machines.subjectClaims\` as there`,
      );
    }
    return problems;
  });
}

function haveSharedForm(one: IssuerOptions, other: IssuerOptions): boolean {
  const [forms, others] = [one, other].map(({ issuer, otherForms = [] }) => [issuer, ...otherForms]);
  return forms?.some((form) => others?.some((otherForm) => formsOverlap(form, otherForm))) === true;
}

function subjectRuleOf({ subjectClaims = ['sub'], machines }: IssuerOptions): string {
  return JSON.stringify([subjectClaims, machines?.subjectClaims]);
}

/** Returns a record that refuses each token whose `aud` names one of these audiences, whatever else it names. */
function refuseAudiences(record: IssuerOptions, values: readonly string[], remediation: string): IssuerOptions {
  if (values.length === 0) return record;
  const { forbiddenClaims = [], remediations } = record;
  return {
    ...record,
    forbiddenClaims: [...forbiddenClaims, { claim: 'aud', values: [...values] }],
    remediations: { aud: remediation, ...remediations },
  };
}
