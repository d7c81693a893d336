/** Identifies a principal: the issuer and the subject together, never the subject alone. */
export interface PrincipalId {
  readonly issuer: string;
  readonly subject: string;
}

/** Identifies the vendor user of a principal at one connection. */
export interface VendorUserKey extends PrincipalId {
  readonly connection: string;
  /** The vendor of the connection. Under a connection that is given another vendor, no earlier vendor user is found. */
  readonly vendor: string;
}

/** A vendor user of a principal. */
export interface StoredVendorUser extends Pick<VendorUserKey, 'connection' | 'vendor'> {
  readonly vendorUserId: string;
}

/** One decision of the broker: the principal, the requested operation and the outcome. */
export interface Decision {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly requestId: string;
  /** `map` and `unmap`: the vendor user of the principal was stored or removed, by the broker or by the operator. */
  readonly operation: 'issue' | 'proxy' | 'map' | 'unmap';
  /** The name that the caller gave. */
  readonly connection: string;
  /** The vendor of the connection at that time. Absent where the outcome is `unknown_vendor`, and only there. */
  readonly vendor?: string | undefined;
  readonly issuer: string;
  readonly subject: string;
  readonly vendorUserId?: string | undefined;
  /** `allowed`, or the error code of the refusal. */
  readonly outcome: string;
  /** Why the operation was refused: the rule and the names of what it lacked (`requiredScopes: rooms`), or a word. Never a value. */
  readonly reason?: string | undefined;
  /** The HTTP method of a proxied call. */
  readonly method?: string | undefined;
  /** The path of the entry of the allow-list that the proxied call matched. Absent if it matched none. */
  readonly path?: string | undefined;
  /** The HTTP status with which the vendor responded, if the broker knows it. */
  readonly vendorStatus?: number | undefined;
  /** How long the operation took, in whole milliseconds. */
  readonly durationMs?: number | undefined;
}

/** Which decisions are listed: those that have each of the given values. */
export interface DecisionSelection {
  readonly issuer?: string | undefined;
  readonly subject?: string | undefined;
  readonly connection?: string | undefined;
  readonly vendorUserId?: string | undefined;
  readonly outcome?: string | undefined;
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
  readonly operation?: Decision['operation'] | undefined;
  /** The first moment, as `Date.prototype.toISOString` writes it. */
  readonly since?: string | undefined;
  /** The moment after the last one, written in the same way. */
  readonly until?: string | undefined;
}

/** The place of a decision in the list of all decisions. */
export interface DecisionPosition {
  readonly at: string;
  readonly id: number;
}

/** One page of a list of decisions. */
export interface DecisionQuery extends DecisionSelection {
  readonly limit: number;
  /** The last decision of the page before. Absent: the page is the first one. */
  readonly after?: DecisionPosition | undefined;
}

/** Decisions, newest first. */
export interface DecisionPage {
  readonly decisions: readonly Decision[];
  /** Where the next page begins. Absent on the last page. */
  readonly next?: DecisionPosition | undefined;
}

/** The exclusive right of one broker to create a principal's vendor user. It lasts until it is released or expires. */
export interface Reservation {
  readonly owner: string;
  /** Milliseconds since 1970. A reservation of another owner that expired before this moment is replaced. */
  readonly nowMs: number;
  /** Milliseconds since 1970. The reservation of a broker that crashed ends at this moment. */
  readonly expiresAtMs: number;
}

/** The claims that are the subject of an issuer's principals, as one text. */
export interface SubjectRule {
  /** The issuer, or the form of the issuers of many tenants, with `{}` in place of the tenant. */
  readonly issuer: string;
  /** The names of the claims, with a space between them. */
  readonly subjectClaims: string;
}

/** An issuer about which something is stored. */
export interface StoredIssuer {
  readonly issuer: string;
  /** The remembered {@link SubjectRule}. */
  readonly subjectClaims?: string | undefined;
  /** Whether a vendor user or a block of a principal of this issuer is stored. */
  readonly hasUsers: boolean;
}

/**
 * Stores what must survive the broker: the vendor users of each principal, the blocked users, and the audit.
 *
 * Each promise settles after the write is committed; the broker responds only then. An operation that fails rejects
 * with `overloaded` within a bounded time.
 */
export interface Store {
  readonly findVendorUser: (key: VendorUserKey) => Promise<string | undefined>;
  /** Returns every vendor user of a principal, by connection. */
  readonly listVendorUsers: (principal: PrincipalId) => Promise<StoredVendorUser[]>;
  /** Stores a vendor user that the broker created, unless one is stored under this key already. Returns the stored one. */
  readonly addVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<string>;
  /** Stores a vendor user that the operator chose, and replaces any other one under this key. */
  readonly setVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<void>;
  /** Removes exactly this vendor user if the broker created it and no operator has chosen it since. Returns whether it was removed. */
  readonly forgetVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<boolean>;
  /** Removes exactly this vendor user; any other one stays. Returns whether it was stored. */
  readonly removeVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<boolean>;
  /** Reserves the creation of a vendor user, even if one is stored already. Returns false while another owner has the reservation. */
  readonly reserveVendorUser: (key: VendorUserKey, reservation: Reservation) => Promise<boolean>;
  /** Releases the reservation of this owner; the reservation of another owner stays. */
  readonly releaseVendorUser: (key: VendorUserKey, owner: string) => Promise<void>;
  /** Returns whether the operator has blocked the principal. */
  readonly isBlocked: (principal: PrincipalId) => Promise<boolean>;
  readonly blockUser: (principal: PrincipalId) => Promise<void>;
  /** Unblocks the principal. Returns whether it was blocked. */
  readonly unblockUser: (principal: PrincipalId) => Promise<boolean>;
  /** Returns every issuer about which something is stored. */
  readonly listIssuers: () => Promise<StoredIssuer[]>;
  /** Remembers the rule for the subject of an issuer, unless the stored one is not `previous`. */
  readonly setSubjectRule: (rule: SubjectRule, previous: string | undefined) => Promise<void>;
  readonly recordDecision: (decision: Decision) => Promise<void>;
  /** Returns one page of the selected decisions, newest first. */
  readonly listDecisions: (query: DecisionQuery) => Promise<DecisionPage>;
  /** Deletes up to a thousand decisions from before this moment. Returns the number of deleted decisions. */
  readonly deleteDecisions: (beforeMs: number) => Promise<number>;
  /** Rejects if the store cannot be read or cannot be written. */
  readonly check: () => Promise<void>;
  readonly close: () => Promise<void>;
}
