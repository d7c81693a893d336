import type { VendorResponses } from './vendor-responses.ts';
import type { SessionResponse as AnySessionResponse, SessionVendor } from './wire.ts';

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

/**
 * The option of a vendor's function that chooses the connection. If the app has declared its connections in {@link Register},
 * and none of this vendor has the vendor's id as its name, the option is required.
 */
export type ConnectionOption<Vendor extends string> =
  Vendor extends ConnectionOf<Vendor>
    ? {
        /** The name of the connection of the broker. Default: the id of the vendor. */
        readonly connection?: ConnectionOf<Vendor> | undefined;
      }
    : {
        /** The name of the connection of the broker. Required, because no connection has the id of the vendor as its name. */
        readonly connection: ConnectionOf<Vendor>;
      };

/** The options of a function as its last parameter, which may be absent if no option is required. */
export type OptionsParameter<Options> = Partial<Options> extends Options ? [options?: Options] : [options: Options];

/**
 * The response of `GET /v1/session`. `vendors` has the connections that the user may use; if the app has declared its
 * connections in {@link Register}, TypeScript knows their names.
 */
export interface SessionResponse extends Omit<AnySessionResponse, 'vendors'> {
  vendors: string extends ConnectionName
    ? Record<string, SessionVendor>
    : Partial<Record<ConnectionName, SessionVendor>>;
}
