import type { AuditStore } from './audit-store.ts';

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
  /** The actor who blocked the principal: the name of an admin token, or an operator. */
  readonly actor?: string | undefined;
  /** ISO 8601, UTC. */
  readonly at?: string | undefined;
}

/** A blocked principal. */
export interface Block extends PrincipalId, BlockDetails {}

/** The end of a session, or of all sessions of a principal, that an identity provider has told (OpenID Connect Back-Channel Logout). */
export interface Logout {
  readonly issuer: string;
  /** The principal's subject. Absent if the provider named only the session. */
  readonly subject?: string | undefined;
  /** The session, as the claim `sid` of its tokens names it. Absent if every session of the principal ended. */
  readonly session?: string | undefined;
  /** The `jti` of the logout token, and the moment from which on that token is refused anyway (milliseconds since 1970). */
  readonly tokenId: string;
  readonly tokenExpiresAtMs: number;
  /** Tokens that were issued up to this moment are revoked. Seconds since 1970. */
  readonly issuedUntilSeconds: number;
  /** Milliseconds since 1970. Each token that is revoked has expired by then. */
  readonly keepUntilMs: number;
}

/** A revocation of tokens of one principal. */
export interface Revocation {
  /** The session that ended. Empty: every session of the principal ended. */
  readonly session: string;
  /** Seconds since 1970. */
  readonly issuedUntilSeconds: number;
}

/** A DPoP proof (RFC 9449) that a caller has used. */
export interface UsedProof {
  /** A digest that identifies the proof. */
  readonly proofId: string;
  /** A digest of the principal that has used the proof. */
  readonly callerId: string;
  /** Milliseconds since 1970. A proof that expired before this moment counts as new. */
  readonly nowMs: number;
  /** Milliseconds since 1970. From this moment on, every broker refuses the proof as too old. */
  readonly expiresAtMs: number;
  /**
   * The most proofs of one caller that have not expired. Calls at the same time may exceed it by as many proofs. A broker of an earlier
   * version stores proofs without a caller, which do not count.
   */
  readonly maxOfCaller: number;
}

/** Whether a proof is new, was used before, or cannot be remembered until another proof of its caller expires. */
export type ProofOutcome =
  | 'new'
  | 'used'
  | {
      /** Milliseconds since 1970. */
      readonly freeAtMs: number;
    };

/** Names what changed: a principal, or, with an empty subject, a session of an issuer. */
export interface Change extends PrincipalId {
  readonly session: string;
}

/** What changed in the store after a given number. */
export interface Changes {
  /** The number of the last change. 0 before the first one. */
  readonly latest: number;
  /** The changes, in the order of their numbers. Undefined if they are not known: rows were deleted, or there are too many. */
  readonly changes: readonly Change[] | undefined;
}

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
export interface Store extends AuditStore {
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
  /**
   * Revokes the tokens that a logout concerns, and remembers the logout token. Returns false, and changes nothing, if that token
   * was used before.
   */
  readonly recordLogout: (logout: Logout) => Promise<boolean>;
  /** Returns the revocations that name the principal. */
  readonly listRevocations: (principal: PrincipalId) => Promise<Revocation[]>;
  /** Returns whether a logout has ended this session. */
  readonly isSessionRevoked: (session: { readonly issuer: string; readonly session: string }) => Promise<boolean>;
  /** Remembers a used proof, unless any broker remembers it already or its caller has the largest number of them. */
  readonly rememberProof: (proof: UsedProof) => Promise<ProofOutcome>;
  /** Returns what was blocked, unblocked, mapped, unmapped or revoked after the change of this number, by any broker. */
  readonly readChanges: (after: number) => Promise<Changes>;
  /**
   * Deletes rows that no broker needs any more, up to `limit` of each kind: changes of more than an hour ago, expired
   * revocations, and logout tokens and proofs that expired more than an hour ago. Returns the number of deleted rows.
   */
  readonly deleteExpired: (nowMs: number, limit: number) => Promise<number>;
  /** Deletes what is left of a principal that has neither vendor users nor a block: marks of vendor users, and reservations. */
  readonly deleteTraces: (principal: PrincipalId) => Promise<void>;
  /** Returns blocks, by issuer and subject. */
  readonly listBlocks: (page: Page<PrincipalId>) => Promise<Block[]>;
  /** Returns the stored vendor users of all principals, by issuer, subject and connection. */
  readonly listMappings: (page: MappingPage) => Promise<Mapping[]>;
  /** Returns every issuer about which something is stored. */
  readonly listIssuers: () => Promise<StoredIssuer[]>;
  /** Remembers the rule for the subject of an issuer, unless the stored one is not `previous`. */
  readonly setSubjectRule: (rule: SubjectRule, previous: string | undefined) => Promise<void>;
  /** Rejects if the store cannot be read or cannot be written. */
  readonly check: () => Promise<void>;
  readonly close: () => Promise<void>;
}
