import type { z } from 'zod';
import type { Clock } from './clock.ts';
import type { IssuerOptions } from './issuer.ts';
import type { Principal } from './principal.ts';
import type { ClientToken, ServerToken, TokenBinding } from './tokens.ts';

/**
 * What tells one cached token from another. A cache stores it as a keyed hash only.
 *
 * `secretVersion` changes when the credential behind the token changes, so that a rotated secret never meets a token
 * that its predecessor asked for.
 */
export interface TokenKey {
  readonly vendor: string;
  readonly client?: string | undefined;
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
  readonly secretVersion?: string | undefined;
}

/** What each vendor call is told by whoever makes it. */
export interface CallOptions {
  /** Ends the call early; the vendor's own deadline ends it in any case. */
  readonly signal?: AbortSignal | undefined;
}

/** What an ability that issues client tokens is asked. */
export interface IssueRequest extends CallOptions {
  readonly principal: Principal;
  /** Known where the ability is bound to a user. */
  readonly vendorUserId?: string | undefined;
  /** The request body, as `parameters` parsed it. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** How an account-bound client token may be kept, where the operator asked for it. */
export interface CachePolicy {
  /** Seconds of life that a cached token still has at the least when it is handed out. */
  readonly minRemainingSeconds: number;
  /** What the token is kept under; nothing for a request whose token is not kept. */
  readonly key: (request: IssueRequest) => TokenKey | undefined;
}

/** What a client token is to an OAuth client that gets it by token exchange (RFC 8693 section 2.2.1). */
export interface ExchangedToken {
  /** The field of the answer that is the token. */
  readonly field: string;
  /** A token type URI of RFC 8693 section 3, or the vendor's own. */
  readonly issuedTokenType: string;
  /** `N_A` for a token that opens no call by itself. */
  readonly tokenType: 'Bearer' | 'N_A';
}

/** Can issue client tokens. What is absent is refused: without `cache` every ask reaches the vendor. */
export interface IssueAbility<Binding extends TokenBinding = TokenBinding> {
  readonly bound: Binding;
  /** What the body of an issue request may say. Strict: it refuses unknown fields. */
  readonly parameters: z.ZodType<Record<string, unknown>>;
  readonly cache?: (Binding extends 'account' ? CachePolicy : never) | undefined;
  /** The field that is the whole token, where there is exactly one. Absent: `Accept: text/plain` is refused. */
  readonly plainTextField?: string | undefined;
  /** Absent: token exchange is refused. */
  readonly exchange?: ExchangedToken | undefined;
  readonly issue: (request: IssueRequest) => Promise<ClientToken<Binding>>;
}

/** Can find or create the person's user at the vendor. */
export interface UsersAbility {
  /**
   * Finds or creates the vendor user that carries `externalId`, our stable name for the person. Idempotent: asking
   * twice, even at once, ends in one vendor user.
   */
  readonly ensureUser: (
    externalId: string,
    options?: CallOptions,
  ) => Promise<{ readonly vendorUserId: string; readonly created: boolean }>;
}

/** A call that a proxy lets through: a method and a path pattern (`/Patients`, `/Patients({id})`, `/Visits/*`). */
export interface AllowedCall {
  readonly method: string;
  readonly path: string;
}

/** A caller's request, as a proxy passes it on. */
export interface ProxyRequest extends CallOptions {
  readonly method: string;
  /** Path at the vendor, starting with `/`, still percent-encoded. */
  readonly path: string;
  /** Query with its leading `?`, or empty. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array | undefined;
}

/** A vendor's answer, freed of hop-by-hop headers, cookies and the vendor's internals. */
export interface ProxyResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Can be called on the principal's behalf, with a server token that the broker keeps. */
export interface ProxyAbility {
  /** Nothing else passes. */
  readonly allow: readonly AllowedCall[];
  /** Which server token this principal's calls need. Throws `forbidden` where the principal may have none. */
  readonly tokenKey: (principal: Principal) => TokenKey;
  readonly issueServerToken: (key: TokenKey, options?: CallOptions) => Promise<ServerToken>;
  /** Sends the call. `'token_refused'` means that the vendor did not take this token; nothing was passed on. */
  readonly send: (request: ProxyRequest, token: ServerToken) => Promise<ProxyResponse | 'token_refused'>;
}

/** Signs app users in: its tokens are principals. */
export interface AuthenticateAbility {
  readonly issuer: IssuerOptions;
}

/** A claim of the principal by which a vendor tells whose data a caller may have. */
export interface ClaimSource {
  /** The option that names the claim. */
  readonly option: string;
  readonly claim: string;
  /** Whose claim it is. Absent: the one issuer's that there is. */
  readonly issuer?: string | undefined;
}

/**
 * A vendor, ready to be called. Adapters declare, the broker decides: an ability that is absent is one that this
 * vendor does not have.
 */
export interface Vendor {
  readonly id: string;
  readonly issue?: IssueAbility<'user'> | IssueAbility<'account'> | undefined;
  readonly users?: UsersAbility | undefined;
  readonly proxy?: ProxyAbility | undefined;
  readonly authenticate?: AuthenticateAbility | undefined;
  /** What the abilities read out of a principal. A claim means something only together with the issuer who says it. */
  readonly claims?: readonly ClaimSource[] | undefined;
  /**
   * Asks the vendor whether it takes our credentials, without lasting effect there. Resolves where it does; rejects
   * with `vendor_auth_failed` where it does not, and with the call's own code where the vendor cannot be asked.
   */
  readonly verify?: ((options?: CallOptions) => Promise<void>) | undefined;
  /** Ends the vendor's connections. */
  readonly close: () => Promise<void>;
}

/** What a vendor tells the operator's log and meters as it works. It never carries a secret. */
export type VendorEvent =
  /** The vendor refused one slot of a secret and took the other, which is in use from now on. */
  | {
      readonly type: 'secret_switched';
      readonly vendor: string;
      /** The option that holds the secret. */
      readonly option: string;
      readonly slot: 'current' | 'next';
    }
  /** A call failed in passing and is made again. */
  | { readonly type: 'retried'; readonly vendor: string; readonly reason: string }
  /** The vendor kept failing and is not called for a while. */
  | { readonly type: 'circuit_opened'; readonly vendor: string; readonly retryAfterSeconds: number }
  /** The vendor answers again. */
  | { readonly type: 'circuit_closed'; readonly vendor: string };

/** What a vendor is given to work with; each part has a default. */
export interface VendorEnvironment {
  readonly clock?: Clock | undefined;
  readonly onEvent?: ((event: VendorEvent) => void) | undefined;
}

/** One line of the registry: how a vendor is configured and made. */
export interface VendorDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly id: string;
  /** The vendor's name as people write it. */
  readonly title: string;
  /** What the operator may set. Strict: it refuses unknown fields. */
  readonly options: Options;
  /** Written as a method, so that a registry can hold vendors of different options. */
  create(options: z.output<Options>, environment?: VendorEnvironment): Vendor;
}
