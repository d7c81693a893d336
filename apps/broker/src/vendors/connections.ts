import type { Clock, TokenKey, Vendor, VendorDependencies, VendorEvent } from '@valetkey/core-types';
import type { Egress } from '@valetkey/vendor-clients';
import { createVendor } from '../config/adapter.ts';
import { versionOfVendor } from '../config/config-version.ts';
import type { ConnectionConfig } from '../config/config.ts';
import { createAccessRules, type AccessRule } from '../policy/access.ts';
import type { AssertDecided } from '../policy/decide.ts';
import { createPolicyRules, type PolicyRules } from '../policy/policy-rules.ts';
import type { Store } from '../storage/store.ts';
import { createAppTokenBound, type AppTokenBound } from './app-token-bound.ts';
import { createVendorUsers, type VendorUsers } from './vendor-users.ts';

/** A configured use of a vendor that the broker can call. */
export interface Connection {
  /** The name that the operator chose. URLs, metrics and the audit contain it. */
  readonly name: string;
  readonly vendor: Vendor;
  /** The rules that a principal must satisfy to use the connection. */
  readonly rules: readonly AccessRule[];
  /** The rules that refuse nothing: the broker records what they would have refused. */
  readonly observedRules?: readonly AccessRule[] | undefined;
  /** Asks the function of the policy about a request that the rules and the allow-list allow. */
  readonly assertDecided?: AssertDecided | undefined;
  readonly users: VendorUsers;
  /** Changes with the options of the vendor. Tokens that were issued with other options are not used. Absent: tokens are used as before. */
  readonly version?: string | undefined;
  /** Present if the connection's tokens must not outlive the token of the caller. */
  readonly appTokenBound?: AppTokenBound | undefined;
  /** Returns whether the broker does not call the vendor for a while, because its calls failed repeatedly. */
  readonly isCircuitOpen: () => boolean;
}

/** Returns the key under which the token cache keeps a token of a connection. `key` is that of the vendor. */
export function cacheKeyOf({ name, version = '' }: Pick<Connection, 'name' | 'version'>, key: TokenKey): TokenKey {
  const { secretVersion = '' } = key;
  return {
    ...key,
    connection: name,
    secretVersion: version === '' ? key.secretVersion : `${secretVersion} ${version}`,
  };
}

export type Connections = ReadonlyMap<string, Connection>;

/** Returns the place in the configuration of each rule that only observes. */
export function listObservedRules(connections: Connections, forwardAuth: PolicyRules): string[] {
  const ofConnections = [...connections.values()].flatMap(({ name, observedRules = [] }) =>
    observedRules.map(({ field }) => `vendors.${name}.${field}`),
  );
  return [...ofConnections, ...forwardAuth.observed.map(({ field }) => `forwardAuth.${field}`)];
}

/** An event of a vendor, with the name of the connection that called the vendor. */
export type ConnectionEvent = VendorEvent & { readonly connection: string };

interface VendorOfConnectionDependencies {
  readonly clock: Clock;
  readonly egress: Egress;
  readonly onEvent: (event: ConnectionEvent) => void;
  /** Returns the observer of the calls of one connection. */
  readonly observeCalls?:
    | ((target: { connection: string; vendor: string }) => VendorDependencies['onCall'])
    | undefined;
}

/** Creates the vendor of a connection. The caller of this function must close it. */
export function createVendorOf(
  configured: ConnectionConfig,
  { onEvent, observeCalls, ...dependencies }: VendorOfConnectionDependencies,
): Vendor {
  const { name: connection, definition } = configured;
  const openOrigins = new Set<string>();
  const vendor = createVendor(configured, {
    ...dependencies,
    onEvent: (event) => {
      if (event.type === 'circuit_opened') openOrigins.add(event.origin ?? '');
      if (event.type === 'circuit_closed') openOrigins.delete(event.origin ?? '');
      onEvent({ ...event, connection });
    },
    onCall: observeCalls?.({ connection, vendor: definition.id }),
  });
  openOriginsOf.set(vendor, openOrigins);
  return vendor;
}

/** The origins of each vendor whose circuit is open. */
const openOriginsOf = new WeakMap<Vendor, ReadonlySet<string>>();

/** Returns what decides whether the vendor of a connection can stay open when the configuration changes. Policies do not. */
export function vendorPartsOf({ definition, options, clientCertificate }: ConnectionConfig): readonly unknown[] {
  const { id, source = definition, recipe } = definition;
  // The recipe of a file is read again each time. Equal recipes make equal vendors.
  const made = recipe === undefined ? source : (source as { readonly recipe?: unknown }).recipe;
  return [id, made, options, clientCertificate];
}

interface ConnectionDependencies {
  readonly store: Store;
  readonly clock: Clock;
}

/** Creates a connection over its vendor. */
export function createConnection(
  configured: ConnectionConfig,
  vendor: Vendor,
  { store, clock }: ConnectionDependencies,
): Connection {
  const { name, policy } = configured;
  const version = versionOfVendor(configured);
  const users = createVendorUsers({ connection: name, vendor, source: policy.user, store, clock });
  const appTokenBound = policy.boundByAppToken ? createAppTokenBound(name, vendor.id, clock) : undefined;
  const placed = { place: `vendors.${name}`, vendor: vendor.id, policy: policy.policy };
  const { enforced, observed, assertDecided } = createPolicyRules(placed, clock);
  const rules = [...createAccessRules({ name, vendor, policy }), ...enforced];
  return {
    name,
    vendor,
    rules,
    observedRules: observed,
    assertDecided,
    users,
    version,
    appTokenBound,
    isCircuitOpen: () => (openOriginsOf.get(vendor)?.size ?? 0) > 0,
  };
}
