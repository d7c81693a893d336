import type { IssuerOptions, TokenBinding, VendorDefinition } from '@valetkey/core-types';
import type { ClientCertificate } from '@valetkey/vendor-clients';
import type { z } from 'zod';
import type { brokerShape } from './broker-fields.ts';
import type { ConnectionPolicy } from './connection-policy.ts';
import type { OperatorsField } from './operator-fields.ts';

/** The fields of the configuration as their schemas parse them. */
export type BrokerFields = z.output<z.ZodObject<typeof brokerShape>>;

/** A vendor that a configuration may name. */
export interface KnownDefinition extends VendorDefinition {
  /** Only for a vendor that is a recipe: whether its tokens name a user. */
  readonly recipe?: { readonly binding: TokenBinding } | undefined;
}

/** The configuration of one connection: its name, its vendor with the options, and its policy. */
export interface ConnectionConfig {
  readonly name: string;
  readonly definition: KnownDefinition;
  readonly options: Readonly<Record<string, unknown>>;
  readonly policy: ConnectionPolicy;
  /** The certificate that the broker shows to the vendor. */
  readonly clientCertificate?: ClientCertificate | undefined;
}

/** Which users of an identity provider are operators, and how the broker calls this provider. */
export interface OperatorsConfig extends Pick<OperatorsField, 'require' | 'actorClaim'> {
  readonly issuer: IssuerOptions;
  /** The certificate that the broker shows to the identity provider. */
  readonly clientCertificate?: ClientCertificate | undefined;
}

/** A checked configuration. */
export interface Config extends Omit<BrokerFields, 'adapters' | 'issuers' | 'admin'> {
  readonly admin: Omit<BrokerFields['admin'], 'operators'> & { readonly operators?: OperatorsConfig | undefined };
  /** Every identity provider whose tokens are accepted: those under `issuers`, and the vendors that sign users in. */
  readonly issuers: readonly IssuerOptions[];
  /** The certificates that the broker shows to identity providers, by issuer. */
  readonly issuerCertificates: ReadonlyMap<string, ClientCertificate>;
  readonly connections: readonly ConnectionConfig[];
}
