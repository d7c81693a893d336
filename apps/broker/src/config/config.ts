import type { IssuerOptions } from '@valetkey/core-types';
import type { ClientCertificate } from '@valetkey/vendor-clients';
import type { z } from 'zod';
import type { brokerShape } from './broker-fields.ts';
import type { ConnectionPolicy } from './connection-policy.ts';
import type { KnownDefinition } from './known-definition.ts';
import type { OperatorsField } from './operator-fields.ts';

/** The fields of the configuration as their schemas parse them. */
export type BrokerFields = z.output<z.ZodObject<typeof brokerShape>>;

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
