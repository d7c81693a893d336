import type { VendorResponses } from './vendors/responses.ts';

/**
 * The connections of the broker, which an app declares so that TypeScript knows their names: each name with the id of its
 * vendor. Without a declaration, every text is a name. `valetkey types` writes the declaration from the configuration of the broker.
 *
 * @example
 * ```ts
 * declare module '@valetkey/client-sdk' {
 *   interface Register {
 *     connections: { nabla: 'nabla'; 'vital-eu': 'vital' };
 *   }
 * }
 * ```
 */
export interface Register {}

/** The vendor of each connection. Without a declaration, a connection has the name of its vendor. */
type VendorOfConnection = Register extends { readonly connections: infer Connections }
  ? Connections
  : { readonly [Vendor in keyof VendorResponses]: Vendor };

type TextKey<Fields> = Extract<keyof Fields, string>;

/** The name of a declared connection of {@link Register}. Without a declaration, any text. */
export type ConnectionName = Register extends { readonly connections: infer Connections }
  ? TextKey<Connections>
  : string;

type DeclaredConnectionOf<Vendor extends string> = {
  [Name in TextKey<VendorOfConnection>]: VendorOfConnection[Name] extends Vendor ? Name : never;
}[TextKey<VendorOfConnection>];

/** The name of a declared connection of one vendor, such as `vital`. Without a declaration, any text. */
export type ConnectionOf<Vendor extends string> = string extends ConnectionName ? string : DeclaredConnectionOf<Vendor>;

/** A connection to a vendor whose token {@link VendorResponses} describes. */
export type DescribedConnection = DeclaredConnectionOf<keyof VendorResponses>;

/** The vendor's own fields of the token of a connection. */
export type ResponseOf<Name extends DescribedConnection> = VendorResponses[VendorOfConnection[Name] &
  keyof VendorResponses];

/** What is wrong if a function of a vendor does not accept a client. */
export interface MissingConnection<Vendor extends string> {
  readonly 'needs a connection that has this name and this vendor': Vendor;
}
