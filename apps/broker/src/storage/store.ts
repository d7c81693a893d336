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

/** A stored vendor user and its principal. */
export interface Mapping extends VendorUserKey {
  readonly vendorUserId: string;
}

/** What an operator stated about a block. The broker of an earlier version stored none of it. */
export interface BlockDetails {
  readonly reason?: string | undefined;
  /** The name of the admin token that blocked the principal. */
  readonly actor?: string | undefined;
  /** ISO 8601, UTC. */
  readonly at?: string | undefined;
}

/** A blocked principal. */
export interface Block extends PrincipalId, BlockDetails {}

/** Which part of a list to return. */
export interface Page<Key> {
  /** Only the rows of this issuer. */
  readonly issuer?: string | undefined;
  /** Only the rows after this one. Rows that are added meanwhile change no other page. */
  readonly after?: Key | undefined;
  readonly limit: number;
}

/** Which part of the mappings to return. */
export interface MappingPage extends Page<VendorUserKey> {
  /** Only the mappings of this connection. */
  readonly target?: Pick<VendorUserKey, 'connection' | 'vendor'> | undefined;
}

/** One decision of the broker: the principal, the requested operation and the outcome. */
export interface Decision {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly requestId: string;
  /**
   * `map` and `unmap`: the vendor user of the principal was stored or removed, by the broker or by the operator. `block` and
   * `unblock`: the operator blocked or unblocked the principal.
   */
  readonly operation: 'issue' | 'proxy' | 'map' | 'unmap' | 'block' | 'unblock';
  /** The name that the caller gave. Absent for `block` and `unblock`, which concern every connection. */
  readonly connection?: string | undefined;
  /** The vendor of the connection at that time. Absent where the outcome is `unknown_vendor` and where `connection` is absent. */
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
  /** The name of the admin token with which the operator made this change. Absent for what the broker did itself. */
  readonly actor?: string | undefined;
  /** The fields of the rules that only observe, and would have refused the operation: `policy.rules.0, policy.rules.2`. */
  readonly observed?: string | undefined;
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
  /** Blocks the principal, or replaces the details of its block. */
  readonly blockUser: (principal: PrincipalId, details?: BlockDetails) => Promise<void>;
  /** Unblocks the principal. Returns whether it was blocked. */
  readonly unblockUser: (principal: PrincipalId) => Promise<boolean>;
  /** Returns blocks, by issuer and subject. */
  readonly listBlocks: (page: Page<PrincipalId>) => Promise<Block[]>;
  /** Returns the stored vendor users of all principals, by issuer, subject and connection. */
  readonly listMappings: (page: MappingPage) => Promise<Mapping[]>;
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
