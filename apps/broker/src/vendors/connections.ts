import type { Clock, Vendor, VendorEvent } from '@valetkey/core-types';
import type { Egress } from '@valetkey/vendor-clients';
import { createVendor } from '../config/adapter.ts';
import type { ConnectionConfig } from '../config/config.ts';
import { createAccessRules, createPolicyRules, type AccessRule } from '../policy/access.ts';
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
  /** The rules that refuse nothing: the broker logs what they would have refused. */
  readonly observedRules?: readonly AccessRule[] | undefined;
  readonly users: VendorUsers;
  /** Present if the connection's tokens must not outlive the token of the caller. */
  readonly appTokenBound?: AppTokenBound | undefined;
}

export type Connections = ReadonlyMap<string, Connection>;

/** Returns the place in the configuration of each rule that only observes. */
export function listObservedRules(connections: Connections): string[] {
  return [...connections.values()].flatMap(({ name, observedRules = [] }) =>
    observedRules.map(({ field }) => `vendors.${name}.${field}`),
  );
}

/** An event of a vendor, with the name of the connection that called the vendor. */
export type ConnectionEvent = VendorEvent & { readonly connection: string };

interface ConnectionDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly egress: Egress;
  readonly onEvent: (event: ConnectionEvent) => void;
}

/** Creates a connection and its vendor from the configuration. The caller of this function must close `connection.vendor`. */
export function createConnection(
  configured: ConnectionConfig,
  { store, clock, egress, onEvent }: ConnectionDependencies,
): Connection {
  const { name, policy } = configured;
  const vendor = createVendor(configured, {
    clock,
    egress,
    onEvent: (event) => onEvent({ ...event, connection: name }),
  });
  const users = createVendorUsers({ connection: name, vendor, source: policy.user, store, clock });
  const appTokenBound = policy.boundByAppToken ? createAppTokenBound(name, vendor.id, clock) : undefined;
  const { enforced, observed } = createPolicyRules({ name, vendor, policy }, clock);
  const rules = [...createAccessRules({ name, vendor, policy }), ...enforced];
  return { name, vendor, rules, observedRules: observed, users, appTokenBound };
}
