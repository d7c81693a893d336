import type { Clock, Vendor, VendorEvent } from '@valetkey/core-types';
import type { ConnectionConfig } from '../config/config.ts';
import { createAccessRules, type AccessRule } from '../policy/access.ts';
import type { Store } from '../storage/store.ts';
import { createVendorUsers, type VendorUsers } from './vendor-users.ts';

/** A configured use of a vendor, ready to be called: its abilities, its users, and who may use it. */
export interface Connection {
  /** The operator's name for it, as URLs, metrics and the audit have it. */
  readonly name: string;
  readonly vendor: Vendor;
  /** The rules of its policy. */
  readonly rules: readonly AccessRule[];
  readonly users: VendorUsers;
}

export type Connections = ReadonlyMap<string, Connection>;

/** What a vendor reports, with the connection through which it was called. */
export type ConnectionEvent = VendorEvent & { readonly connection: string };

interface ConnectDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly onEvent: (event: ConnectionEvent) => void;
}

/** Creates the vendor of one configured connection. The caller closes `connection.vendor`. */
export function connect(
  { name, definition, options, policy }: ConnectionConfig,
  { store, clock, onEvent }: ConnectDependencies,
): Connection {
  const vendor = definition.create(options, {
    clock,
    onEvent: (event) => onEvent({ ...event, connection: name }),
  });
  const users = createVendorUsers({ connection: name, vendor, source: policy.user, store, clock });
  return { name, vendor, rules: createAccessRules({ name, vendor, policy }), users };
}
