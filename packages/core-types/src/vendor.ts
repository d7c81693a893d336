import type { z } from 'zod';
import type { Clock } from './clock.ts';
import type { IssuerOptions, ProviderIssuer } from './issuer.ts';
import type { Principal } from './principal.ts';
import type { ClientToken, ServerToken, TokenBinding } from './tokens.ts';

/**
 * What distinguishes one cached token from another. A cache stores it only as a keyed hash.
 *
 * `secretVersion` changes when the credential behind the token changes, so that a rotated secret never meets a token
 * that its predecessor requested.
 */
export interface TokenKey {
  readonly vendor: string;
  /** The operator's name for this use of the vendor. Absent where the vendor is used once. */
  readonly connection?: string | undefined;
  readonly client?: string | undefined;
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
  readonly secretVersion?: string | undefined;
}

/** What the caller of any vendor call may pass. */
export interface CallOptions {
  /** Aborts the call early; the vendor's own deadline ends it in any case. */
  readonly signal?: AbortSignal | undefined;
}

interface AccountIssueRequest<Parameters> extends CallOptions {
  readonly principal: Principal;
  /** The request body, as the ability's `parameters` schema parsed it. */
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

/** How an account-bound client token may be cached, where the operator asks for it. */
export interface CachePolicy<Parameters = Readonly<Record<string, unknown>>> {
  /** Seconds until expiry that a cached token must still have when it is returned. */
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

/** Issues client tokens. What is absent is refused: without `cache`, every request reaches the vendor. */
export interface IssueAbility<
  Binding extends TokenBinding = TokenBinding,
  Parameters = Readonly<Record<string, unknown>>,
> {
  readonly bound: Binding;
  /** Parses the body of an issue request. Strict: it refuses unknown fields. */
  readonly parameters: z.ZodType<Parameters>;
  readonly cache?: (Binding extends 'account' ? CachePolicy<Parameters> : never) | undefined;
  /** The field that is the whole token, where there is exactly one. Absent: `Accept: text/plain` is refused. */
  readonly plainTextField?: string | undefined;
  /** Absent: token exchange is refused. */
  readonly exchange?: ExchangedToken | undefined;
  /** Written as a method, so that a vendor may hold abilities of different parameters. */
  issue(request: IssueRequest<Binding, Parameters>): Promise<ClientToken<Binding>>;
}

/** Finds or creates users at the vendor. */
export interface UsersAbility {
  /**
   * Finds or creates the vendor user that carries `externalId`, the broker's stable name for the person. Idempotent: two
   * calls, even concurrent ones, result in one vendor user.
   */
  readonly ensureUser: (
    externalId: string,
    options?: CallOptions,
  ) => Promise<{ readonly vendorUserId: string; readonly created: boolean }>;
}

/** A call that a proxy allows: a method and a path pattern (`/Patients`, `/Patients({id})`, `/Visits/*`). */
export interface AllowedCall {
  readonly method: string;
  readonly path: string;
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

/** A vendor's response without hop-by-hop headers, cookies and the vendor's internals. */
export interface ProxyResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Calls the vendor on the principal's behalf, with a server token that the broker keeps. */
export interface ProxyAbility {
  /** The calls that are allowed. Whoever calls `send` has checked the request against this list. */
  readonly allow: readonly AllowedCall[];
  /** Returns the key of the server token for this principal. Throws `forbidden` where the principal may have none. */
  readonly tokenKey: (principal: Principal) => TokenKey;
  readonly issueServerToken: (key: TokenKey, options?: CallOptions) => Promise<ServerToken>;
  /** Sends an allowed call. `'token_refused'` means that the vendor refused this token and nothing was forwarded. */
  readonly send: (request: ProxyRequest, token: ServerToken) => Promise<ProxyResponse | 'token_refused'>;
}

/** Signs app users in: its tokens identify principals. */
export interface AuthenticateAbility {
  /** The issuer record, or the name of an identity provider whose record `@valetkey/jwt-verify` knows. */
  readonly issuer: IssuerOptions | ProviderIssuer;
}

/** A claim of the principal by which a vendor decides whose data a caller may have. */
export interface ClaimSource {
  /** The vendor option that names the claim. */
  readonly option: string;
  readonly claim: string;
  /** The issuer whose claim counts. Absent: the only configured issuer. */
  readonly issuer?: string | undefined;
}

/**
 * A vendor that is ready to be called. Adapters declare and the broker decides: an absent ability is one that this vendor
 * does not have.
 */
export interface Vendor {
  readonly id: string;
  readonly issue?: IssueAbility<'user'> | IssueAbility<'account'> | undefined;
  readonly users?: UsersAbility | undefined;
  readonly proxy?: ProxyAbility | undefined;
  readonly authenticate?: AuthenticateAbility | undefined;
  /** The claims that the abilities read. A claim has a meaning only together with the issuer that asserts it. */
  readonly claims?: readonly ClaimSource[] | undefined;
  /**
   * Checks our credentials at the vendor, without a lasting effect there. Resolves if the vendor accepts them; rejects
   * with `vendor_auth_failed` if it refuses them, and with the call's own code if the vendor cannot be asked.
   */
  readonly verify?: ((options?: CallOptions) => Promise<void>) | undefined;
  /** Closes the vendor's connections. */
  readonly close: () => Promise<void>;
}

/** What a vendor reports to the operator's log and metrics. An event never carries a secret. */
export type VendorEvent =
  /** The vendor refused one slot of a credential and accepted the other, which is used from now on. */
  | {
      readonly type: 'secret_switched';
      readonly vendor: string;
      /** The option that holds the credential. */
      readonly option: string;
      readonly slot: 'current' | 'next';
    }
  /** A call failed temporarily and is sent again. */
  | { readonly type: 'retried'; readonly vendor: string; readonly reason: string }
  /** The vendor failed repeatedly and is not called for a while. */
  | { readonly type: 'circuit_opened'; readonly vendor: string; readonly retryAfterSeconds: number }
  /** The vendor responds again. */
  | { readonly type: 'circuit_closed'; readonly vendor: string };

/** What a vendor works with. Each part has a default. */
export interface VendorDependencies {
  readonly clock?: Clock | undefined;
  readonly onEvent?: ((event: VendorEvent) => void) | undefined;
}

/** How a vendor is configured and created: one entry of the registry. */
export interface VendorDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly id: string;
  /** The vendor's name as people write it. */
  readonly title: string;
  /** Parses what the operator may set. Strict: it refuses unknown fields. */
  readonly options: Options;
  /** The options that hold a credential. Each parses to `SecretSlots`, so that it can be rotated without a restart. */
  readonly credentials: readonly string[];
  /**
   * Creates the vendor. Opens no connection until the first call. Written as a method, so that a registry may hold vendors
   * of different options.
   */
  create(options: z.output<Options>, dependencies?: VendorDependencies): Vendor;
}
