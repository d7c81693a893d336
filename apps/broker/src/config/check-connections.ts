import type { IssuerOptions, Vendor } from '@valetkey/core-types';
import { issuerRecord, parseIssuers } from '@valetkey/jwt-verify';
import type { VendorUserSource } from './connection-policy.ts';
import type { ConnectionConfig } from './config.ts';

/** The result of checking the connections of a configuration. */
export interface CheckedConnections {
  /** The configured identity providers, then the vendors that sign users in. */
  readonly issuers: readonly IssuerOptions[];
  readonly problems: readonly string[];
}

/**
 * Checks that each connection's policy fits the abilities of its vendor and names only configured issuers. It creates each
 * vendor for this check and discards it: a vendor opens nothing before its first call.
 */
export function checkConnections(
  connections: readonly ConnectionConfig[],
  configuredIssuers: readonly IssuerOptions[],
): CheckedConnections {
  const problems: string[] = [];
  const created = connections.flatMap((connection) => {
    try {
      return [{ connection, vendor: connection.definition.create(connection.options) }];
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      problems.push(`vendors.${connection.name}: ${error.message}`);
      return [];
    }
  });
  const issuers = [
    ...configuredIssuers,
    ...created.flatMap(({ vendor }) =>
      vendor.authenticate === undefined ? [] : [issuerRecord(vendor.authenticate.issuer)],
    ),
  ];
  const names = issuers.map(({ issuer }) => issuer);
  problems.push(
    ...checkIssuers(issuers),
    ...created.flatMap(({ connection, vendor }) => [
      ...findUselessPolicy(connection, vendor),
      ...findUnknownIssuers(connection, vendor, names),
    ]),
  );
  return { issuers, problems };
}

function checkIssuers(issuers: readonly IssuerOptions[]): string[] {
  if (issuers.length === 0) return ['issuers: is empty, so no user could sign in'];
  try {
    parseIssuers(issuers);
    return [];
  } catch (error) {
    if (error instanceof TypeError) return [error.message];
    throw error;
  }
}

/** Returns a problem for each rule that has no effect. The operator would believe that the rule protects the connection. */
function findUselessPolicy({ name, definition, policy }: ConnectionConfig, vendor: Vendor): string[] {
  const { title } = definition;
  const issuesNothing = vendor.issue === undefined && vendor.proxy === undefined;
  const isGiven = (rules: object) => Object.keys(rules).length > 0;
  const problems = [
    ...(['issuers', 'requiredScopes', 'requiredClaims'] as const)
      .filter((option) => issuesNothing && isGiven(policy[option] ?? []))
      .map(
        (option) =>
          `${option}: has no effect, because ${title} only signs users in; set it on the connections that these users use`,
      ),
    ...(policy.boundByAppToken && vendor.issue === undefined
      ? [`boundByAppToken: has no effect, because ${title} issues no tokens to apps`]
      : []),
    ...(policy.boundByAppToken && vendor.issue !== undefined && vendor.issue.lifetime === undefined
      ? [`boundByAppToken: cannot be kept, because ${title} does not say how long its tokens live`]
      : []),
    ...(policy.user !== undefined && vendor.issue?.bound !== 'user'
      ? [`user: has no effect, because no token of ${title} is bound to a user`]
      : []),
    ...(policy.user !== undefined && 'ensure' in policy.user && vendor.users === undefined
      ? [`user.ensure: ${title} cannot create users; use claim or mapping`]
      : []),
  ];
  return problems.map((problem) => `vendors.${name}.${problem}`);
}

/** Returns a problem for each issuer that is not configured, and for each claim whose issuer is not certain. */
function findUnknownIssuers({ name, policy }: ConnectionConfig, vendor: Vendor, issuers: readonly string[]): string[] {
  const allowed = policy.issuers ?? issuers;
  const claims = [
    ...claimsOfSource(policy.user),
    ...(vendor.claims ?? []).map(({ option, issuer }) => [option, issuer] as const),
  ];
  const problems = [
    ...(policy.issuers ?? [])
      .filter((issuer) => !issuers.includes(issuer))
      .map((issuer) => `issuers: ${issuer} is not one of ${issuers.join(', ')}`),
    ...claims.flatMap(([option, issuer]) => {
      const problem = describeIssuerProblem(issuer, allowed);
      return problem === undefined ? [] : [`${option}.issuer: ${problem}`];
    }),
  ];
  return problems.map((problem) => `vendors.${name}.${problem}`);
}

/** Returns the option of the policy that names a claim, with the issuer of that claim. */
function claimsOfSource(source: VendorUserSource | undefined): (readonly [string, string | undefined])[] {
  if (source === undefined) return [];
  if ('claim' in source) return [['user', source.issuer]];
  return 'ensure' in source && source.ensure !== true ? [['user.ensure', source.ensure.issuer]] : [];
}

function describeIssuerProblem(issuer: string | undefined, issuers: readonly string[]): string | undefined {
  if (issuer === undefined) return issuers.length > 1 ? 'is missing; several issuers may assert this claim' : undefined;
  return issuers.includes(issuer) ? undefined : `is not one of ${issuers.join(', ')}`;
}
