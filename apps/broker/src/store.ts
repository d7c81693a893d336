/** A person at one identity provider, and the vendor that the person is asked for. */
export interface VendorUserKey {
  readonly vendor: string;
  readonly issuer: string;
  readonly subject: string;
}

/** A person at one identity provider. */
export type Person = Omit<VendorUserKey, 'vendor'>;

/** One decision of the broker: who asked for what, and what came of it. */
export interface Decision {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly requestId: string;
  readonly operation: 'issue' | 'proxy';
  readonly vendor: string;
  readonly issuer: string;
  readonly subject: string;
  readonly vendorUserId?: string | undefined;
  /** `allowed`, or the error code of the refusal. */
  readonly outcome: string;
}

/** The right of one broker to create a person's vendor user, until it gives it back or its time is over. */
export interface Reservation {
  readonly owner: string;
  /** Milliseconds since 1970. A reservation that ended by now is taken over. */
  readonly nowMs: number;
  /** Milliseconds since 1970. Frees the person of a broker that died. */
  readonly expiresAtMs: number;
}

/**
 * Where the broker keeps what must survive it: the vendor user of each person, who is shut out, and the audit.
 *
 * Each promise settles after the write is committed; an answer goes out only then. One that cannot be carried out
 * rejects, within a bounded time, with `overloaded`.
 */
export interface Store {
  readonly findVendorUser: (key: VendorUserKey) => Promise<string | undefined>;
  /** Every vendor user of one person. */
  readonly listVendorUsers: (person: Person) => Promise<ReadonlyMap<string, string>>;
  /** Keeps the first vendor user of a person and answers the one that is kept. */
  readonly addVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<string>;
  /** Sets the vendor user of a person, whatever it was. */
  readonly setVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<void>;
  /** Forgets exactly this vendor user; a newer one stays. */
  readonly removeVendorUser: (key: VendorUserKey, vendorUserId: string) => Promise<boolean>;
  /** Reserves the creation of a person's vendor user, whether there is one or not. Answers whether nobody else has it. */
  readonly reserveVendorUser: (key: VendorUserKey, reservation: Reservation) => Promise<boolean>;
  /** Gives back the reservation of this owner; another's stays. */
  readonly releaseVendorUser: (key: VendorUserKey, owner: string) => Promise<void>;
  /** Whether the operator has shut the person out. */
  readonly isBlocked: (person: Person) => Promise<boolean>;
  readonly blockUser: (person: Person) => Promise<void>;
  /** Answers whether the person was blocked. */
  readonly unblockUser: (person: Person) => Promise<boolean>;
  readonly recordDecision: (decision: Decision) => Promise<void>;
  /** The newest decisions first. */
  readonly listDecisions: (limit: number) => Promise<Decision[]>;
  /** Forgets decisions that were made before then, a thousand at the most. Answers how many. */
  readonly forgetDecisions: (beforeMs: number) => Promise<number>;
  /** Rejects where the store cannot be read and written. */
  readonly check: () => Promise<void>;
  readonly close: () => Promise<void>;
}
