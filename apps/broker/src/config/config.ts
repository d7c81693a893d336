import type { IssuerOptions, SecretSlots, VendorDefinition } from '@valetkey/core-types';
import type { z } from 'zod';
import type { brokerShape } from './broker-fields.ts';
import type { ConnectionPolicy } from './connection-policy.ts';

/** The fields of the configuration as their schemas parse them. */
export type BrokerFields = z.output<z.ZodObject<typeof brokerShape>>;

/** One configured use of a vendor: its name, the adapter with its options, and who may use it. */
export interface ConnectionConfig {
  readonly name: string;
  readonly definition: VendorDefinition;
  readonly options: Readonly<Record<string, unknown>>;
  readonly policy: ConnectionPolicy;
}

/** A checked configuration. Creating it opens nothing and connects to nothing. */
export interface Config extends Omit<BrokerFields, 'admin' | 'adapters' | 'issuers'> {
  readonly admin: { readonly host: string; readonly port: number; readonly token?: SecretSlots | undefined };
  /** Every identity provider whose tokens are accepted: the configured ones, and the vendors that sign users in. */
  readonly issuers: readonly IssuerOptions[];
  readonly connections: readonly ConnectionConfig[];
}
