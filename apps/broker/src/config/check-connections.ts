import { hasPlaceholder, readTenant, VendorSetupError, type IssuerOptions, type Vendor } from '@valetkey/core-types';
import { issuerRecord, parseIssuers } from '@valetkey/jwt-verify';
import {
  claimsOfPath,
  openEgress,
  type ClientCertificate,
  type Egress,
  type EgressSettings,
} from '@valetkey/vendor-clients';
import { createVendor } from './adapter.ts';
import { ConfigError } from './config-error.ts';
import type { VendorUserSource } from './connection-policy.ts';
import { listIssuers } from './policy-rules.ts';
import { findRefusedUrls, namesRefusedHost } from './check-issuer-urls.ts';
import type { ConnectionConfig } from './config.ts';

/** An identity provider as it is configured: its record, and how the broker calls it. */
export type IssuerField = IssuerOptions & Pick<ConnectionConfig, 'clientCertificate'>;

/** The result of checking the connections of a configuration. */
export interface CheckedConnections {
  /** The configured identity providers, then the vendors that sign users in. */
  readonly issuers: readonly IssuerOptions[];
  /** The certificates that the broker shows to identity providers, by issuer. */
  readonly issuerCertificates: ReadonlyMap<string, ClientCertificate>;
  /** The egress of the configuration, which has opened nothing yet. */
  readonly egress: Egress;
  readonly problems: readonly string[];
}

/**
 * Checks the issuers, and that each connection's policy fits the abilities of its vendor and names only known issuers. It creates
 * each vendor for this check and does not close it: a vendor opens nothing before its first call.
 */
export function checkConnections(
  connections: readonly ConnectionConfig[],
  issuerFields: readonly IssuerField[],
  egressSettings: EgressSettings,
): CheckedConnections {
  const problems: string[] = [];
  const egress = checkEgress(egressSettings, problems);
  const created = connections.flatMap((connection) => {
    try {
      const vendor = createVendor(connection, { egress });
      // Copied, so that a getter of the adapter runs only here, inside `try`.
      const own = vendor.authenticate === undefined ? [] : [{ ...issuerRecord(vendor.authenticate.issuer) }];
      if (own.length > 0) parseIssuers(own);
      return [{ connection, vendor, own }];
    } catch (error) {
      problems.push(...describeAdapterFailure(connection, error));
      return [];
    }
  });
  const placed = [...issuerFields.map(placeIssuer), ...created.flatMap(placeOwnIssuers)];
  const issuers = placed.map(({ record }) => record);
  const names = issuers.map(({ issuer }) => issuer);
  // If no issuer is known, a vendor that could not be created may be the one that signs users in.
  if (issuers.length > 0 || problems.length === 0) problems.push(...checkIssuers(issuers));
  problems.push(
    ...placed.flatMap(({ record, place }) =>
      findRefusedUrls(record, egress).map((field) => `${place(field)} ${namesRefusedHost}`),
    ),
  );
  for (const { connection, vendor } of created) {
    try {
      problems.push(...findUnenforceableRules(connection, vendor), ...findIssuerProblems(connection, vendor, names));
    } catch (error) {
      problems.push(...describeAdapterFailure(connection, error));
    }
  }
  const issuerCertificates = new Map(
    placed.flatMap(({ record: { issuer }, clientCertificate }) =>
      clientCertificate === undefined ? [] : [[issuer, clientCertificate]],
    ),
  );
  return { issuers, issuerCertificates, egress, problems };
}

/** An identity provider, with its place in the configuration. */
interface PlacedIssuer extends Pick<ConnectionConfig, 'clientCertificate'> {
  readonly record: IssuerOptions;
  /** Returns the beginning of a problem about a field of the record. */
  readonly place: (field: string) => string;
}

function placeIssuer({ clientCertificate, ...record }: IssuerField, index: number): PlacedIssuer {
  return { record, clientCertificate, place: (field) => `issuers.${index}.${field}:` };
}

/** A vendor that signs users in also publishes the keys, so that it is shown the certificate of its connection. */
function placeOwnIssuers({
  connection: { name, clientCertificate },
  own,
}: {
  readonly connection: ConnectionConfig;
  readonly own: readonly IssuerOptions[];
}): PlacedIssuer[] {
  const place = (field: string) => `vendors.${name}: the ${field} of its identity provider`;
  return own.map((record) => ({ record, clientCertificate, place }));
}

/** Returns the egress for the check. A wrong variable of the environment is a problem of its own. */
function checkEgress(settings: EgressSettings, problems: string[]): Egress {
  try {
    return openEgress(settings);
  } catch (error) {
    if (!VendorSetupError.isInstance(error)) throw error;
    problems.push(error.message);
    return openEgress(settings, { environment: {} });
  }
}

function describeAdapterFailure({ name, definition }: ConnectionConfig, error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems;
  return [
    `vendors.${name}: the adapter \`${definition.id}\` has an operation or an \`authenticate\` that is not valid; correct the adapter`,
  ];
}

function checkIssuers(issuers: readonly IssuerOptions[]): string[] {
  if (issuers.length === 0)
    return ['issuers: is empty and no vendor signs users in, so the broker would accept no token; add an issuer'];
  try {
    parseIssuers(issuers);
    return [];
  } catch (error) {
    if (error instanceof TypeError) return [error.message];
    throw error;
  }
}

/**
 * Returns a problem for each rule that has no effect or cannot be enforced. The operator would believe that the rule protects the
 * connection.
 */
function findUnenforceableRules({ name, definition, policy }: ConnectionConfig, vendor: Vendor): string[] {
  const { title } = definition;
  const issuesNothing = vendor.issue === undefined && vendor.proxy === undefined;
  const isGiven = (rules: object) => Object.keys(rules).length > 0;
  const problems = [
    ...(['issuers', 'requiredScopes', 'requiredClaims', 'policy'] as const)
      .filter((option) => issuesNothing && isGiven(policy[option] ?? []))
      .map(
        (option) =>
          `${option}: has no effect, because ${title} only signs users in; set it on the connections that these users use`,
      ),
    ...(policy.policy?.rules ?? []).flatMap(({ operations }, index) => {
      const isAbout = operations?.some((operation) => vendor[operation] !== undefined) ?? true;
      return isAbout || issuesNothing
        ? []
        : [`policy.rules.${index}.operations: has no effect, because ${title} has none of these operations`];
    }),
    ...(policy.boundByAppToken && vendor.issue === undefined
      ? [`boundByAppToken: has no effect, because ${title} issues no client tokens; remove it`]
      : []),
    ...(policy.boundByAppToken && vendor.issue !== undefined && vendor.issue.lifetime === undefined
      ? [`boundByAppToken: cannot be enforced, because ${title} does not say how long its tokens live; remove it`]
      : []),
    ...(policy.user !== undefined && vendor.issue?.bound !== 'user'
      ? [`user: has no effect, because the client tokens of ${title} are not bound to a user; remove it`]
      : []),
    ...(policy.user !== undefined && 'ensure' in policy.user && vendor.users === undefined
      ? [`user.ensure: ${title} cannot create users; use claim or mapping`]
      : []),
  ];
  return problems.map((problem) => `vendors.${name}.${problem}`);
}

/** Returns a problem for each issuer that is not known, and for each claim that several issuers may assert. */
function findIssuerProblems({ name, policy }: ConnectionConfig, vendor: Vendor, issuers: readonly string[]): string[] {
  const allowed = policy.issuers ?? issuers;
  const claims = [
    ...claimsOfSource(policy.user),
    ...(vendor.claims ?? []).map(({ option, issuer }) => [option, issuer] as const),
    ...(vendor.proxy?.allow ?? []).flatMap(({ path, issuer }, index) =>
      claimsOfPath(path).length > 0 ? [[`allow.${index}`, issuer] as const] : [],
    ),
  ];
  const ruleIssuers = (policy.policy?.rules ?? []).flatMap(({ require }, index) =>
    listIssuers(require, `policy.rules.${index}.require`),
  );
  const problems = [
    ...(policy.issuers ?? [])
      // The issuer itself is not shown: it may be a secret in the wrong place.
      .flatMap((issuer, index) => (isAmong(issuers, issuer) ? [] : [`issuers.${index}: ${describeUnknown(issuers)}`])),
    ...ruleIssuers.flatMap(([path, issuer]) =>
      isAmong(issuers, issuer) ? [] : [`${path}: ${describeUnknown(issuers)}`],
    ),
    ...claims.flatMap(([option, issuer]) => {
      const problem = describeIssuerProblem(issuer, allowed);
      return problem === undefined ? [] : [`${option}.issuer: ${problem}`];
    }),
  ];
  return problems.map((problem) => `vendors.${name}.${problem}`);
}

/** Returns each option of the policy that reads a claim, with the issuer that it requires for that claim. */
function claimsOfSource(source: VendorUserSource | undefined): (readonly [string, string | undefined])[] {
  if (source === undefined) return [];
  if ('claim' in source) return [['user', source.issuer]];
  return 'ensure' in source && source.ensure !== true ? [['user.ensure', source.ensure.issuer]] : [];
}

/** Returns whether an issuer is in the list, or is a tenant of an issuer in the list. */
export function isAmong(issuers: readonly string[], issuer: string): boolean {
  return issuers.some((form) => form === issuer || readTenant(form, issuer) !== undefined);
}

function describeIssuerProblem(issuer: string | undefined, issuers: readonly string[]): string | undefined {
  if (issuer === undefined) {
    const isCertain = issuers.length === 1 && !issuers.some(hasPlaceholder);
    return isCertain
      ? undefined
      : 'is missing: set it to the issuer whose claim counts, because several issuers or tenants may assert this claim';
  }
  return isAmong(issuers, issuer) ? undefined : describeUnknown(issuers);
}

/** Describes an issuer that is not in the list. */
export const describeUnknown = (issuers: readonly string[]): string => `is not one of ${issuers.join(', ')}`;
