import {
  ValetKeyError,
  type Principal,
  type Vendor,
  type VendorDefinition,
  type VendorDependencies,
} from '@valetkey/core-types';
import { issuerRecord } from '@valetkey/jwt-verify';
import { ConfigError, type BrokerConfig, type VendorPolicy, type VendorUserSource } from './config.ts';
import type { Store } from './store.ts';
import { createVendorUsers, type VendorUsers } from './vendor-users.ts';

/** A vendor that is configured and ready: what it can do, who its users are, and who may use it. */
export interface ConnectedVendor {
  readonly vendor: Vendor;
  readonly policy: VendorPolicy;
  readonly users: VendorUsers;
}

export type ConnectedVendors = ReadonlyMap<string, ConnectedVendor>;

/** Makes every configured vendor. Throws {@link ConfigError} where an option fits no ability of its vendor. */
export function connectVendors(config: BrokerConfig, store: Store, environment: VendorDependencies): ConnectedVendors {
  const problems: string[] = [];
  const connected = new Map<string, ConnectedVendor>();
  for (const { definition, options, policy } of config.vendors) {
    try {
      const vendor = definition.create(options, environment);
      const source =
        policy.user ?? (vendor.users === undefined ? { mapping: true as const } : { ensure: true as const });
      if ('ensure' in source && vendor.users === undefined) {
        problems.push(
          `vendors.${vendor.id}.user.ensure: ${definition.title} cannot create users; use claim or mapping`,
        );
      }
      problems.push(...describeUselessPolicy(definition, vendor, policy));
      connected.set(vendor.id, { vendor, policy, users: createVendorUsers(vendor, source, store, environment) });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      problems.push(`vendors.${definition.id}: ${error.message}`);
    }
  }
  const issuers = issuersOf(config, connected).map(({ issuer }) => issuer);
  if (issuers.length === 0) problems.push('issuers: is empty, so nobody could sign in');
  for (const { definition, policy } of config.vendors) {
    const sources = [
      ...claimsOf(policy.user),
      ...(connected.get(definition.id)?.vendor.claims ?? []).map(({ option, issuer }) => [option, issuer] as const),
    ];
    for (const issuer of policy.issuers ?? []) {
      const problem = describeIssuerProblem(issuer, issuers);
      if (problem !== undefined) problems.push(`vendors.${definition.id}.issuers: ${issuer} ${problem}`);
    }
    for (const [option, issuer] of sources) {
      const problem = describeIssuerProblem(issuer, policy.issuers ?? issuers);
      if (problem !== undefined) problems.push(`vendors.${definition.id}.${option}.issuer: ${problem}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return connected;
}

/** Every identity provider whose tokens are taken: the configured ones, and the vendors that sign users in. */
export function issuersOf(config: BrokerConfig, connected: ConnectedVendors) {
  const fromVendors = [...connected.values()].flatMap(({ vendor }) =>
    vendor.authenticate === undefined ? [] : [issuerRecord(vendor.authenticate.issuer)],
  );
  return [...config.issuers, ...fromVendors];
}

/** What an operator asks for and would not get: a rule that rules nothing is taken for one that does. */
function describeUselessPolicy({ title }: VendorDefinition, vendor: Vendor, policy: VendorPolicy): string[] {
  const { id, issue, proxy } = vendor;
  const opensNothing = issue === undefined && proxy === undefined;
  const isGiven = (rules: object) => Object.keys(rules).length > 0;
  return [
    ...(['issuers', 'requiredScopes', 'requiredClaims'] as const)
      .filter((option) => opensNothing && isGiven(policy[option] ?? []))
      .map(
        (option) => `${option}: rules nothing; ${title} only signs users in, so ask it of the vendors that they use`,
      ),
    ...(policy.user !== undefined && issue?.bound !== 'user'
      ? [`user: is read by nothing; no token of ${title} is one person's`]
      : []),
  ].map((problem) => `vendors.${id}.${problem}`);
}

/** Where a policy names a claim as the source of vendor users, its option and the issuer that it names. */
function claimsOf(source: VendorUserSource | undefined): [string, string | undefined][] {
  if (source === undefined) return [];
  if ('claim' in source) return [['user', source.issuer]];
  return 'ensure' in source && source.ensure !== true ? [['user.ensure', source.ensure.issuer]] : [];
}

// A claim means something only together with the issuer who says it: one subject at two issuers is two people.
function describeIssuerProblem(issuer: string | undefined, issuers: readonly string[]): string | undefined {
  if (issuer === undefined) {
    return issuers.length > 1 ? 'is missing; several issuers may say it, so say whose claim it is' : undefined;
  }
  return issuers.includes(issuer) ? undefined : `is not one of ${issuers.join(', ')}`;
}

/** The vendor of a request, if this principal may use it. Throws `unknown_vendor` or `forbidden`. */
export function admit(connected: ConnectedVendors, id: string, principal: Principal): ConnectedVendor {
  const found = connected.get(id);
  if (found === undefined) throw new ValetKeyError('unknown_vendor', 'No vendor of this name is configured.');
  if (!isOfIssuer(found, principal)) {
    throw new ValetKeyError('forbidden', `${id} is not for users of this token's issuer.`, {
      vendor: id,
      remediation: 'Sign in at the identity provider whose users may use this vendor.',
    });
  }
  if (!mayUse(found, principal)) {
    const { requiredScopes, requiredClaims } = found.policy;
    const needed = [...requiredScopes.map((scope) => `the scope ${scope}`), ...Object.keys(requiredClaims)];
    throw new ValetKeyError('forbidden', `The token lacks what ${id} needs.`, {
      vendor: id,
      remediation: `Sign in so that the token carries: ${needed.join(', ')}.`,
    });
  }
  return found;
}

function isOfIssuer({ policy }: ConnectedVendor, { issuer }: Principal): boolean {
  return policy.issuers?.includes(issuer) ?? true;
}

/** Whether the principal is whose users this vendor is for, and has the scopes and the claims that it needs. */
export function mayUse(connected: ConnectedVendor, principal: Principal): boolean {
  const { requiredScopes, requiredClaims } = connected.policy;
  const { scopes, claims } = principal;
  return (
    isOfIssuer(connected, principal) &&
    requiredScopes.every((scope) => scopes.includes(scope)) &&
    Object.entries(requiredClaims).every(([name, value]) => {
      const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
      return claim === value || (Array.isArray(claim) && claim.includes(value));
    })
  );
}
