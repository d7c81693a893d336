import type { IssuerOptions, Vendor } from '@valetkey/core-types';
import { issuerRecord, parseIssuers } from '@valetkey/jwt-verify';
import type { VendorUserSource } from './connection-policy.ts';
import type { ConnectionConfig } from './config.ts';

/** What the connections of a configuration have in common, and what is wrong with them. */
export interface CheckedConnections {
  /** The configured identity providers, and the vendors that sign users in. */
  readonly issuers: readonly IssuerOptions[];
  readonly problems: readonly string[];
}

/**
 * Checks each connection's policy against what its vendor can do, and the issuers that it names. Vendors are created for
 * this and discarded: a vendor opens nothing before its first call.
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

/** Returns the rules without an effect: an operator would believe that they protect something. */
function findUselessPolicy({ name, definition, policy }: ConnectionConfig, vendor: Vendor): string[] {
  const { title } = definition;
  const issuesNothing = vendor.issue === undefined && vendor.proxy === undefined;
  const isGiven = (rules: object) => Object.keys(rules).length > 0;
  const problems = [
    ...(['issuers', 'requiredScopes', 'requiredClaims'] as const)
      .filter((option) => issuesNothing && isGiven(policy[option] ?? []))
      .map(
        (option) =>
          `${option}: has no effect, because ${title} only signs users in; set it on the connections that they use`,
      ),
    ...(policy.user !== undefined && vendor.issue?.bound !== 'user'
      ? [`user: has no effect, because no token of ${title} is bound to a user`]
      : []),
    ...(policy.user !== undefined && 'ensure' in policy.user && vendor.users === undefined
      ? [`user.ensure: ${title} cannot create users; use claim or mapping`]
      : []),
  ];
  return problems.map((problem) => `vendors.${name}.${problem}`);
}

/** A claim has a meaning only together with its issuer: the same subject at two issuers is two people. */
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

/** Returns the option that names a claim as the source of vendor users, and the issuer that it names. */
function claimsOfSource(source: VendorUserSource | undefined): (readonly [string, string | undefined])[] {
  if (source === undefined) return [];
  if ('claim' in source) return [['user', source.issuer]];
  return 'ensure' in source && source.ensure !== true ? [['user.ensure', source.ensure.issuer]] : [];
}

function describeIssuerProblem(issuer: string | undefined, issuers: readonly string[]): string | undefined {
  if (issuer === undefined) return issuers.length > 1 ? 'is missing; several issuers may assert this claim' : undefined;
  return issuers.includes(issuer) ? undefined : `is not one of ${issuers.join(', ')}`;
}
