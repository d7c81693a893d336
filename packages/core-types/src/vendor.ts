import type { z } from 'zod';
import type { Clock } from './clock.ts';
import type { ErrorCode } from './errors.ts';
import type { IssuerOptions, ProviderIssuer } from './issuer.ts';
import type { Principal } from './principal.ts';
import type { ClientToken, ServerToken, TokenBinding } from './credentials.ts';

/**
 * The key of a cached token. A cache stores the key only as a keyed hash.
 *
 * `secretVersion` changes when the credential for requesting the token changes. After a rotation, the cache never returns a
 * token that was requested with the previous credential.
 */
export interface TokenKey {
  readonly vendor: string;
  /** The name of the connection. The broker adds it to the key that a vendor's adapter returns. */
  readonly connection?: string | undefined;
  readonly client?: string | undefined;
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
  readonly secretVersion?: string | undefined;
}

/** The options of every vendor call. */
export interface CallOptions {
  /** Aborts the call before its deadline. The deadline ends the call in any case. */
  readonly signal?: AbortSignal | undefined;
  /** Identifies the principal who asked for the call. One principal's calls never use up the last places of a vendor. */
  readonly caller?: string | undefined;
}

interface AccountIssueRequest<Parameters> extends CallOptions {
  readonly principal: Principal;
  /** The request body, parsed with the ability's `parameters` schema. */
  readonly parameters: Parameters;
}

interface UserIssueRequest<Parameters> extends AccountIssueRequest<Parameters> {
  /** The principal's user id at the vendor. */
  readonly vendorUserId: string;
}

/** A request for a client token. A user-bound ability always receives the `vendorUserId`. */
export type IssueRequest<
  Binding extends TokenBinding = TokenBinding,
  Parameters = Readonly<Record<string, unknown>>,
> = Binding extends 'user' ? UserIssueRequest<Parameters> : AccountIssueRequest<Parameters>;

/** How an account-bound client token is cached if the operator enables caching. */
export interface CachePolicy<Parameters = Readonly<Record<string, unknown>>> {
  /** A cached token is returned only if at least this many seconds remain until its expiry. */
  readonly minRemainingSeconds: number;
  /** Returns the cache key of a request, or undefined for a request whose token is not cached. */
  key(request: IssueRequest<'account', Parameters>): TokenKey | undefined;
}

/** How a client token is returned by token exchange (RFC 8693 section 2.2.1). */
export interface ExchangedToken {
  /** The field of the client token that becomes `access_token`. */
  readonly field: string;
  /** A token type URI of RFC 8693 section 3, or the vendor's own. */
  readonly issuedTokenType: string;
  /** `N_A` for a token that cannot be used as a bearer token. */
  readonly tokenType: 'Bearer' | 'N_A';
}

/** The lifetimes of a vendor's client tokens. */
export interface TokenLifetime<Parameters = Readonly<Record<string, unknown>>> {
  /** The shortest lifetime that a token can have, in seconds. It counts everything that an app receives with the token. */
  readonly minSeconds: number;
  /** Returns the parameters of a token that lives for at most `maxSeconds`. Absent: the lifetime cannot be requested. */
  shorten?(parameters: Parameters, maxSeconds: number): Parameters;
}

/**
 * A token that the vendor issued, without the vendor and the binding, which the broker knows. With a `vendorUserId`, the broker
 * refuses the token unless it was requested for this user.
 */
export type IssuedToken = Pick<ClientToken, 'fields' | 'expiresInSeconds' | 'singleUse' | 'vendorUserId'>;

/** Issues client tokens. */
export interface IssueAbility<
  Binding extends TokenBinding = TokenBinding,
  Parameters = Readonly<Record<string, unknown>>,
> {
  readonly bound: Binding;
  /** Parses the body of an issue request. Strict: it refuses unknown fields. */
  readonly parameters: z.ZodType<Parameters>;
  /** Absent: every request reaches the vendor. */
  readonly cache?: (Binding extends 'account' ? CachePolicy<Parameters> : never) | undefined;
  /** The field that contains the whole token, if one field does. Absent: a request for `text/plain` is refused. */
  readonly plainTextField?: string | undefined;
  /** Absent: token exchange is refused. */
  readonly exchange?: ExchangedToken | undefined;
  /** Absent: the vendor does not say how long its tokens live, so `boundByAppToken` is refused. */
  readonly lifetime?: TokenLifetime<Parameters> | undefined;
  /** Declared as a method, so that a vendor may have abilities with different parameters. */
  issue(request: IssueRequest<Binding, Parameters>): Promise<IssuedToken>;
}

/** Finds or creates users at the vendor. */
export interface UsersAbility {
  /**
   * Returns the id under which the vendor knows a user whom a claim of the token names, or undefined if the vendor accepts no
   * such id. Absent: the value of the claim is the id.
   */
  readonly nameOf?: ((name: string) => string | undefined) | undefined;
  /**
   * Finds or creates the vendor user with this `externalId`, which is the broker's stable id for the principal. Idempotent:
   * two calls, even concurrent ones, result in one vendor user.
   */
  readonly ensureUser: (
    externalId: string,
    options?: CallOptions,
  ) => Promise<{ readonly vendorUserId: string; readonly created: boolean }>;
  /**
   * Returns whether the vendor has this user. The broker asks after the vendor issued no token because of an unknown user.
   * Absent: that error is believed.
   */
  readonly hasUser?: ((vendorUserId: string, options?: CallOptions) => Promise<boolean>) | undefined;
}

/**
 * A call that a proxy allows: a method and a path pattern (`/Patients`, `/Patients({id})`, `/Visits/*`). A path may be bound to
 * a claim of the caller's token (`/Patients({claim:patient_id})`).
 */
export interface AllowedCall {
  readonly method: string;
  readonly path: string;
  /** The query parameters that a bound path allows. Absent: none. */
  readonly query?: readonly string[] | undefined;
  /** The issuer whose tokens have the claims of a bound path. Absent: every issuer. */
  readonly issuer?: string | undefined;
}

/** A caller's request, as the proxy forwards it. */
export interface ProxyRequest extends CallOptions {
  readonly method: string;
  /** Path at the vendor, starting with `/`, still percent-encoded. */
  readonly path: string;
  /** Query with its leading `?`, or empty. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array | undefined;
}

/** A vendor's response, without hop-by-hop headers, cookies and headers about the vendor's servers. */
export interface ProxyResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** A header in which a vendor's own client SDK sends its key. On a proxy, it carries the app's token instead. */
export interface TokenCarrier {
  /** The name of the header, in lower case. */
  readonly header: string;
  /** The scheme before the token. Absent: the header is the token alone. */
  readonly scheme?: 'Bearer' | 'Token' | undefined;
}

/** What every proxy declares. */
interface ProxiedCalls {
  /** The calls that are allowed. The broker checks every request against this list before it makes the call. */
  readonly allow: readonly AllowedCall[];
  /** The URL below which the calls are made. Absent: callers cannot follow the vendor's absolute links. */
  readonly baseUrl?: string | undefined;
  /** The headers of which exactly one carries the app's token. Absent: `Authorization`, as on every route. */
  readonly carriers?: readonly TokenCarrier[] | undefined;
  /** Writes an error of the broker in the vendor's words, which its SDK reads. Absent: a problem (RFC 9457). */
  readonly refuse?: EndpointAbility['refuse'] | undefined;
}

/** Calls the vendor with a server token that the broker keeps. */
export interface TokenProxyAbility extends ProxiedCalls {
  /** Returns the key of the server token for this principal. Throws `forbidden` if the principal may use none. */
  readonly tokenKey: (principal: Principal) => TokenKey;
  readonly issueServerToken: (key: TokenKey, options?: CallOptions) => Promise<ServerToken>;
  /**
   * Sends an allowed call with the token of `key`. Resolves to `'token_refused'` if the vendor refuses the token; nothing is
   * forwarded then.
   */
  readonly send: (
    request: ProxyRequest,
    token: ServerToken,
    key?: TokenKey,
  ) => Promise<ProxyResponse | 'token_refused'>;
}

/** Calls the vendor with a credential of the configuration. */
export interface KeyProxyAbility extends ProxiedCalls {
  /**
   * Sends an allowed call. Rejects with `vendor_auth_failed` if the vendor refuses the credential, and with `forbidden` if the
   * query or the body asks for what the operator does not allow.
   */
  readonly forward: (request: ProxyRequest) => Promise<ProxyResponse>;
}

/** Calls the vendor on the principal's behalf. */
export type ProxyAbility = TokenProxyAbility | KeyProxyAbility;

/** A request that the vendor's own client SDK sends to "your backend". */
export interface EndpointRequest {
  /** Query with its leading `?`, or empty. */
  readonly query: string;
  /** The media type of the body, without its parameters; empty if there is no body. */
  readonly mediaType: string;
  readonly body: string;
}

/** A response in the form that the vendor's own client SDK expects. */
export interface EndpointResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Speaks the protocol that the vendor's own client SDK expects of "your backend". It issues the tokens of `issue`. */
export interface EndpointAbility {
  readonly methods: readonly string[];
  /** Reads the parameters of the token. Ignores every other field, identities above all. */
  readonly readParameters: (request: EndpointRequest) => Readonly<Record<string, unknown>>;
  readonly respond: (token: ClientToken) => EndpointResponse;
  /** Writes an error in the vendor's words. `detail` is a sentence of the broker. */
  readonly refuse: (error: {
    readonly status: number;
    readonly code: string;
    readonly detail: string;
  }) => EndpointResponse;
}

/** Makes the vendor an identity provider: its tokens identify principals. */
export interface AuthenticateAbility {
  /** The issuer record, or the name of an identity provider whose record `@valetkey/jwt-verify` knows. */
  readonly issuer: IssuerOptions | ProviderIssuer;
}

/** A claim of the principal. By its value, the vendor's adapter decides whose data a caller may receive. */
export interface ClaimSource {
  /** The vendor option that names the claim. */
  readonly option: string;
  readonly claim: string;
  /** The issuer whose claim is read. Absent: the only configured issuer. */
  readonly issuer?: string | undefined;
}

/** What a verification proved. `valetkey doctor` prints these phrases, so they contain no secret and no text of the vendor. */
export interface Verification {
  /** What the vendor's responses prove, such as `` `apiKey` is accepted ``. */
  readonly proven: readonly string[];
  /** What could not be checked, and why. Absent: every credential is checked. */
  readonly notChecked?: readonly string[] | undefined;
}

/**
 * A vendor that is ready to be called. An absent ability is one that this vendor does not have.
 */
export interface Vendor {
  readonly id: string;
  readonly issue?: IssueAbility<'user'> | IssueAbility<'account'> | undefined;
  readonly users?: UsersAbility | undefined;
  readonly proxy?: ProxyAbility | undefined;
  readonly authenticate?: AuthenticateAbility | undefined;
  readonly endpoint?: EndpointAbility | undefined;
  /**
   * Withdraws every token of a user at the vendor. The broker calls it when an operator blocks the user. Absent: the vendor cannot
   * withdraw them, so that they end by their expiry.
   */
  readonly revoke?: ((vendorUserId: string, options?: CallOptions) => Promise<void>) | undefined;
  /** The claims that the abilities read. A claim has a meaning only together with the issuer that asserts it. */
  readonly claims?: readonly ClaimSource[] | undefined;
  /**
   * Checks the broker's credentials at the vendor, and changes nothing there. Resolves to what was proven and what could not
   * be checked. Rejects with `vendor_auth_failed` if the vendor refuses a credential, and with another code if the call
   * itself fails.
   */
  readonly verify?: ((options?: CallOptions) => Promise<Verification>) | undefined;
  /** Closes the sockets to the vendor. */
  readonly close: () => Promise<void>;
}

/** A report of a vendor for the operator's log and metrics. An event never contains a secret. */
export type VendorEvent =
  /** The vendor refused one slot of a credential and accepted the other slot, which is used from now on. */
  | {
      readonly type: 'secret_switched';
      readonly vendor: string;
      /** The option that holds the credential. */
      readonly option: string;
      readonly slot: 'current' | 'next';
    }
  /** A call has failed for a temporary reason, and is sent again. */
  | { readonly type: 'retried'; readonly vendor: string; readonly reason: string }
  /** Calls to the vendor have failed repeatedly. The vendor is not called for a while. */
  | {
      readonly type: 'circuit_opened';
      readonly vendor: string;
      /** The origin that is not called, such as `https://api.acme.example`. A vendor may have several. */
      readonly origin?: string | undefined;
      readonly retryAfterSeconds: number;
    }
  /** The vendor responds again. */
  | { readonly type: 'circuit_closed'; readonly vendor: string; readonly origin?: string | undefined };

/** One HTTP request that a client is about to send to its vendor. */
export interface VendorCall {
  readonly method: string;
  /** The origin of the vendor's URL, such as `https://api.acme.example`. */
  readonly origin: string;
}

/** How a call to a vendor ended: with a status of the vendor, or with the code of its error. `aborted`: the caller gave up. */
export type VendorCallEnd =
  | { readonly status: number }
  | { readonly status?: undefined; readonly error: ErrorCode | 'aborted' };

/** Observes one call to a vendor. */
export interface VendorCallObserver {
  /** Headers to send with the call, such as `traceparent` (W3C Trace Context). */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Called once, when the response has arrived or the call has failed. Of a streamed response, the head has arrived. */
  readonly end: (end: VendorCallEnd) => void;
}

/** The dependencies of a vendor. Each has a default. */
export interface VendorDependencies {
  readonly clock?: Clock | undefined;
  readonly onEvent?: ((event: VendorEvent) => void) | undefined;
  /** Called before each HTTP request to the vendor, also before one that is sent again. */
  readonly onCall?: ((call: VendorCall) => VendorCallObserver) | undefined;
  /** The way out of the network, with the proxy and the certificates of the configuration. Every call must use it. */
  readonly egress?: { readonly fetch: typeof globalThis.fetch } | undefined;
}

/** How a vendor is configured and created: one entry of the registry. */
export interface VendorDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly id: string;
  /** The vendor's name in texts, such as `Nabla`. */
  readonly title: string;
  /** Parses the options that the operator may set. Strict: it refuses unknown fields. */
  readonly options: Options;
  /** The options that hold a credential. Each parses to `SecretSlots`, so that it can be rotated without a restart. */
  readonly credentials: readonly string[];
  /**
   * Creates the vendor. Opens no socket before the first call. Declared as a method, so that a registry may contain vendors
   * with different options.
   */
  create(options: z.output<Options>, dependencies?: VendorDependencies): Vendor;
}
