/** A value that JSON can write. */
export type SampleJson =
  | string
  | number
  | boolean
  | null
  | readonly SampleJson[]
  | { readonly [name: string]: SampleJson };

/** A part of a text that varies from call to call. */
export interface SampleVariable {
  /** What it stands for, such as `user.id` or `parameters.room`. `life` and `expiry` are the lifetime that a caller requests. */
  readonly variable: string;
  /** How `life` and `expiry` are written. Absent: in seconds. */
  readonly unit?: 'milliseconds' | 'minutes' | 'iso-date' | undefined;
  /** Whether the whole text may be absent. */
  readonly optional?: true | undefined;
}

/** A part of a text: literal, any, one of the credentials, or a text in base64. */
export type SampleTextPart =
  | string
  | SampleVariable
  | { readonly credential: string }
  | { readonly base64: readonly SampleTextPart[] };

/** The form of a value that a client sends. Of an object, every field that is not optional must be there, and no other. */
export type SampleValue =
  | { readonly text: readonly SampleTextPart[] }
  | { readonly literal: SampleJson }
  | { readonly list: readonly SampleValue[] }
  | { readonly fields: Readonly<Record<string, SampleValue>> };

/** The fields of a response that vary. A path names each field from the outside. */
export interface SampleResponse {
  readonly status: number;
  readonly type: 'json' | 'text' | 'xml';
  readonly body: SampleJson;
  /** Texts that are different in each response, such as tokens. */
  readonly unique: readonly (readonly string[])[];
  /** The moment at which the token expires, in the form of the sample: seconds, milliseconds or a date of ISO 8601. */
  readonly expiresAt?: readonly string[] | undefined;
  /** The seconds until the token expires. */
  readonly expiresIn?: readonly string[] | undefined;
  /** The id of the user that the request names by `user.id`. */
  readonly userId?: readonly string[] | undefined;
}

/** A request that a vendor accepts, and its response. */
export interface SampleRequest {
  readonly method: string;
  /** The segments of the path. */
  readonly path: readonly (readonly SampleTextPart[])[];
  readonly query: Readonly<Record<string, SampleValue>>;
  readonly headers: Readonly<Record<string, readonly SampleTextPart[]>>;
  /** Absent: no body. */
  readonly body?: { readonly type: 'json' | 'form'; readonly value: SampleValue } | undefined;
  readonly response: SampleResponse;
  /**
   * What the request does with the user that `user.id` names. `create` responds `conflict` if the user exists and the vendor
   * refuses a second one; `find` responds 404 if there is none.
   */
  readonly user?: 'create' | 'find' | undefined;
  readonly conflict?: SampleResponse | undefined;
  /** The credential of other requests that the unique text of the response is, such as an access token of the broker itself. */
  readonly issues?: string | undefined;
}

/** The kinds of private keys with which a vendor's tokens are signed. */
export type VendorKeyKind = 'rsa' | 'p256' | 'p384' | 'ed25519';

/** A vendor as a sandbox simulates it: plain data, which `sampleOf` of `@valetkey/vendor-clients/recipe` derives from a recipe. */
export interface VendorSample {
  readonly id: string;
  readonly title: string;
  /** Each credential as a text that contains `sandbox-only`, or as the kind of a private key that the sandbox generates. */
  readonly credentials: Readonly<Record<string, string | { readonly privateKey: VendorKeyKind }>>;
  /** None, if the vendor's tokens are made without a call. */
  readonly requests: readonly SampleRequest[];
  /** The path of the token endpoint at which the broker requests a token for itself. Absent: there is none. */
  readonly tokenPath?: string | undefined;
  /** The lifetime of a token if no request says it, in seconds. */
  readonly lifetimeSeconds: number;
  /** What the vendor's errors look like: the fields that each has, and the fields of some statuses. */
  readonly failure: {
    readonly paths: readonly (readonly string[])[];
    readonly known: readonly { readonly status: number; readonly fields: Readonly<Record<string, SampleJson>> }[];
  };
  /** The options of a broker's connection for development, beside the credentials and `baseUrl`. */
  readonly connection: Readonly<Record<string, SampleJson>>;
  /** Whether the vendor gives its users their ids, so that a connection takes them from a claim. */
  readonly userFromClaim: boolean;
  /** The parameters that a caller must send, with values that this connection allows. */
  readonly parameters: Readonly<Record<string, SampleJson>>;
}
