/** What a decision is about. Each name says what the caller asked for, or what changed. */
export type Operation = (typeof operations)[number];

/** The operations of decisions. The broker records only refusals of `session`, `authorize`, `resolve` and `administer`. */
export const operations = [
  'issue',
  'proxy',
  'session',
  'authorize',
  'resolve',
  'administer',
  'map',
  'unmap',
  'block',
  'unblock',
  'revoke',
  'logout',
  'forget',
] as const;

/** One decision of the broker: the principal, the requested operation and the outcome. */
export interface Decision {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly requestId: string;
  /**
   * `map` and `unmap`: the vendor user of the principal was stored or removed, by the broker or by the operator. `block` and
   * `unblock`: the operator blocked or unblocked the principal. `revoke`: the vendor was asked to withdraw the tokens of a
   * blocked principal. `logout`: the identity provider ended sessions of the principal;
   * the subject is empty if it named only a session. `forget`: the operator erased a principal, whose subject is therefore empty.
   * `administer`: the principal called the admin API with its own token.
   */
  readonly operation: Operation;
  /** The name that the caller gave. Absent for `block`, `unblock`, `logout` and `forget`, which concern every connection. */
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
  /**
   * Who made this change: the name of an admin token, or the name, subject and issuer of an operator, with spaces between them. Absent
   * for what the broker did itself.
   */
  readonly actor?: string | undefined;
  /** The network address of the caller. Behind a configured proxy, the address that the proxy states. */
  readonly clientAddress?: string | undefined;
  /** The version of the rules by which the broker decided: equal for equal rules. */
  readonly policyVersion?: string | undefined;
  /** A keyed hash of the caller's token: equal for equal tokens. Nothing about the token can be derived from it without the key. */
  readonly tokenFingerprint?: string | undefined;
  /** The rules that only observe and would have refused, such as `policy.rules.0, policy.rules.2`. */
  readonly observed?: string | undefined;
  /** The id of the OpenTelemetry trace of the request. Absent if the broker sends no traces, and for what no request caused. */
  readonly traceId?: string | undefined;
  /** How many equal refusals this decision stands for, if it stands for more than one. */
  readonly times?: number | undefined;
  /** When the last of these refusals was. */
  readonly lastAt?: string | undefined;
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
  /** Fewer than `limit`, or none, if the store would have to examine too many other decisions to find more of them at once. */
  readonly decisions: readonly Decision[];
  /** Where the next page begins. Absent on the last page. */
  readonly next?: DecisionPosition | undefined;
}

/** Which old decisions to examine, oldest first. */
export interface OldDecisions {
  /** Only decisions from before this moment. Milliseconds since 1970. */
  readonly beforeMs: number;
  /** Only the decisions after this one. */
  readonly after?: DecisionPosition | undefined;
  readonly limit: number;
}

/** What was deleted of some old decisions. */
export interface DeletedDecisions {
  readonly deleted: number;
  /** The last decision that was examined. Absent if there is no further one. */
  readonly next?: DecisionPosition | undefined;
}

/** The place of a decision in the chain of its writer. */
export interface ChainLink {
  /** The broker process that wrote the decision: a random text. */
  readonly writer: string;
  /** 1 for the first decision of a writer, and one more for each further one. */
  readonly sequence: number;
  /** The keyed hash of this decision and of the decision before it. */
  readonly mac: string;
  /** Hashed together with the personal fields. Null after these were erased. */
  readonly salt: string | null;
  /** The hash of the personal fields. The chain covers this hash, so that the fields themselves can be erased. */
  readonly personalDigest: string;
}

/** A decision, with its place in a chain if the broker has a key for one. */
export interface LinkedDecision extends Decision {
  readonly link?: ChainLink | undefined;
}

/** A decision of a chain, as it is stored. */
export interface ChainedRow {
  readonly id: number;
  /** The values of the columns of the decision, without those of its place in the chain. */
  readonly columns: DecisionColumns;
  readonly link: ChainLink;
  readonly times: number | null;
  readonly lastAt: string | null;
  readonly timesMac: string | null;
  /** Proves that the broker itself erased the personal fields. */
  readonly erasure: string | null;
}

/** Which decisions of a chain to return. */
export interface ChainPart {
  readonly writer: string;
  /** Only the decisions after this one. */
  readonly after?: { readonly sequence: number; readonly id: number } | undefined;
  readonly limit: number;
}

/** The values of a row, by the name of their column. */
export type DecisionColumns = Readonly<Record<string, string | number | null>>;

/** How often the refusal of one row was repeated. */
export interface DecisionCount {
  readonly id: number;
  readonly times: number;
  readonly lastAt: string;
  /** The keyed hash of the count. Null without a key. */
  readonly mac: string | null;
}

/** A broker process that wrote decisions. The rows about writers are a chain of their own. */
export interface AuditWriter {
  /** 1 for the first writer, and one more for each further one. */
  readonly number: number;
  readonly writer: string;
  /** Names the key, and says nothing about it. */
  readonly keyId: string;
  readonly at: string;
  readonly mac: string;
}

/** Where the chain of a writer begins after its older decisions were deleted. */
export interface AuditCheckpoint {
  readonly writer: string;
  /** The sequence and the keyed hash of the last deleted decision. */
  readonly sequence: number;
  readonly mac: string;
  readonly at: string;
  readonly signature: string;
}

/** The decisions that are in no chain. */
export interface UnchainedDecisions {
  readonly rows: number;
  /** The time of the last of them. Absent if there is none. */
  readonly lastAt?: string | undefined;
  /** How many of them were written after the first decision of a chain. */
  readonly rowsAfterChain: number;
}

/** The operations of a store on its decisions. */
export interface AuditStore {
  /** Writes decisions in one transaction. Returns the number of each row. */
  readonly recordDecisions: (decisions: readonly LinkedDecision[]) => Promise<number[]>;
  /** Changes how often the refusals of some rows were repeated. */
  readonly countDecisions: (counts: readonly DecisionCount[]) => Promise<void>;
  /** Returns one page of the selected decisions, newest first. */
  readonly listDecisions: (query: DecisionQuery) => Promise<DecisionPage>;
  /** Deletes those of some old decisions that are in no chain. */
  readonly deleteDecisions: (part: OldDecisions) => Promise<DeletedDecisions>;
  /** Adds a writer, unless one with this number exists. Returns whether it was added. */
  readonly addWriter: (writer: AuditWriter) => Promise<boolean>;
  /** Returns all writers in their order, or only the last one. */
  readonly listWriters: (only?: 'last') => Promise<AuditWriter[]>;
  /** Returns the writers that have decisions. */
  readonly listChains: () => Promise<string[]>;
  /** Returns decisions of a writer in their order. */
  readonly readChain: (part: ChainPart) => Promise<ChainedRow[]>;
  /** Stores a checkpoint and deletes the decisions of the chain up to it and after the sequence `after`, in one transaction. Default: 0. */
  readonly cutChain: (checkpoint: AuditCheckpoint, after?: number) => Promise<void>;
  readonly listCheckpoints: () => Promise<AuditCheckpoint[]>;
  readonly countUnchained: () => Promise<UnchainedDecisions>;
  /** Returns decisions about a principal whose personal fields are still stored, in no particular order. */
  readonly listPersonal: (
    principal: Pick<Decision, 'issuer' | 'subject'>,
    limit: number,
  ) => Promise<{ id: number; mac: string | null }[]>;
  /** Erases the personal fields of some rows. */
  readonly erasePersonal: (rows: readonly { id: number; erasure: string | null }[]) => Promise<void>;
}
