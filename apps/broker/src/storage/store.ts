/** A person at one identity provider. */
export interface Person {
  readonly issuer: string;
  readonly subject: string;
}

/** A person, and the connection whose vendor user is meant. */
export interface VendorUserKey extends Person {
  readonly connection: string;
}

/** One decision of the broker: who requested what, and the outcome. */
export interface Decision {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly requestId: string;
  readonly operation: 'issue' | 'proxy';
  readonly connection: string;
  readonly issuer: string;
  readonly subject: string;
  readonly vendorUserId?: string | undefined;
  /** `allowed`, or the error code of the refusal. */
  readonly outcome: string;
}

/** The exclusive right of one broker to create a person's vendor user, until it is released or expires. */
export interface Reservation {
  readonly owner: string;
  /** Milliseconds since 1970. A reservation that expired before this moment is taken over. */
  readonly nowMs: number;
  /** Milliseconds since 1970. Releases the reservation of a broker that crashed. */
  readonly expiresAtMs: number;
}

/**
 * Stores what must survive the broker: the vendor user of each person, the blocked users, and the audit.
 *
 * Each promise settles after the write is committed; the broker responds only then. An operation that cannot be carried
 * out rejects with `overloaded` within a bounded time.
 */
export interface Store {
  readonly findVendorUser: (key: VendorUserKey) => Promise<string | undefined>;
  /** Returns every vendor user of a person, by connection. */
  readonly listVendorUsers: (person: Person) => Promise<ReadonlyMap<string, string>>;
  /** Stores a person's vendor user unless there is one already. Returns the stored one. */
  readonly addVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<string>;
  /** Stores a person's vendor user in place of any other. */
  readonly setVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<void>;
  /** Removes exactly this vendor user; another one stays. Returns whether it was there. */
  readonly removeVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<boolean>;
  /** Reserves the creation of a person's vendor user, whether there is one or not. Returns false while another owner has it. */
  readonly reserveVendorUser: (key: VendorUserKey, reservation: Reservation) => Promise<boolean>;
  /** Releases the reservation of this owner; another owner's stays. */
  readonly releaseVendorUser: (key: VendorUserKey, owner: string) => Promise<void>;
  /** Returns whether the operator has blocked the person. */
  readonly isBlocked: (person: Person) => Promise<boolean>;
  readonly blockUser: (person: Person) => Promise<void>;
  /** Returns whether the person was blocked. */
  readonly unblockUser: (person: Person) => Promise<boolean>;
  readonly recordDecision: (decision: Decision) => Promise<void>;
  /** Returns decisions, newest first. */
  readonly listDecisions: (limit: number) => Promise<Decision[]>;
  /** Deletes up to a thousand decisions from before this moment. Returns how many. */
  readonly deleteDecisions: (beforeMs: number) => Promise<number>;
  /** Rejects where the store cannot be read and written. */
  readonly check: () => Promise<void>;
  readonly close: () => Promise<void>;
}
