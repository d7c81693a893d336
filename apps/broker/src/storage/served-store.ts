import { codeOfForeignError, ValetKeyError, type Clock } from '@valetkey/core-types';
import { LRUCache } from 'lru-cache';
import { describeStoreFailure, type StoreFailure } from './store-failure.ts';
import type { Change, PrincipalId, Revocation, Store, VendorUserKey } from './store.ts';

/** An outage of the store, of which one begins with its first failure. */
export interface Outage {
  /** Counts a failure. The first one begins the outage. */
  readonly fail: (reason: string) => void;
  readonly end: () => void;
}

type Operation = Exclude<keyof Store, 'close'>;

const reads: ReadonlySet<Operation> = new Set<Operation>([
  'findVendorUser',
  'listVendorUsers',
  'isBlocked',
  'listRevocations',
  'isSessionRevoked',
  'readChanges',
  'listBlocks',
  'listMappings',
  'listIssuers',
  'listDecisions',
  'listWriters',
  'listChains',
  'readChain',
  'listCheckpoints',
  'countUnchained',
  'listPersonal',
]);

/**
 * Returns the store, and reports its failures and its recovery to `outage`. A success ends the outage only if it proves that
 * every operation that failed works again: while a disk is full, for example, reads still succeed.
 */
export function watchStore(store: Store, outage: Outage): Store {
  const failed = new Map<Operation, StoreFailure['scope']>();
  let calls = 0;
  let callsAtFailure = 0;

  const succeed = (operation: Operation, call: number): void => {
    // This call may have succeeded before the other one failed.
    if (failed.size === 0 || call <= callsAtFailure) return;
    for (const [other, scope] of failed) {
      const isProven =
        scope === 'server' ||
        other === operation ||
        operation === 'check' ||
        (scope === 'write' && !reads.has(operation));
      if (isProven) failed.delete(other);
    }
    if (failed.size === 0) outage.end();
  };
  const fail = (operation: Operation, error: unknown): void => {
    const reason = (ValetKeyError.isInstance(error) ? error.reason : codeOfForeignError(error)) ?? 'error';
    callsAtFailure = calls;
    failed.set(operation, describeStoreFailure(reason).scope);
    outage.fail(reason);
  };

  const watch = <Name extends Operation>(operation: Name): Store[Name] => {
    const run = async (...values: unknown[]): Promise<unknown> => {
      calls += 1;
      const call = calls;
      try {
        const result = await (store[operation] as (...values: unknown[]) => Promise<unknown>)(...values);
        succeed(operation, call);
        return result;
      } catch (error) {
        fail(operation, error);
        throw error;
      }
    };
    return run as unknown as Store[Name];
  };

  const operations = (Object.keys(store) as (keyof Store)[]).filter((name) => name !== 'close');
  const watched = Object.fromEntries(operations.map((name) => [name, watch(name)]));
  return { ...store, ...watched };
}

/** How often the broker reads what other brokers changed, in milliseconds. */
const pollMs = 500;
/** After this time without a successful poll, the broker trusts nothing that it knows. In milliseconds. */
const maxSilenceMs = 2_000;
/**
 * How long the broker knows something without reading it again, in milliseconds. A broker of an earlier version stores no
 * changes, so what it blocks or unmaps is noticed after this time.
 */
const maxAgeMs = 30_000;
/** The most principals, and sessions that tokens name, of which something is known. */
const defaultMaxPrincipals = 100_000;

/**
 * What the store has said about one principal, or about one session. A field is absent until it was read. It holds the promise
 * that each reader gets, so that a request for a known principal creates none.
 */
interface Known {
  isBlocked?: Promise<boolean>;
  revocations?: Promise<Revocation[]>;
  isSessionRevoked?: Promise<boolean>;
  /** The vendor users that exist. A vendor user that is absent is looked up each time, because any broker may add it. */
  readonly vendorUsers: Map<string, Promise<string>>;
}

interface KnownStateDependencies {
  readonly clock: Clock;
  /** Reads the changes. It is not `store.readChanges`, so that a failed poll is not reported as a failed request. */
  readonly readChanges: Store['readChanges'];
  readonly maxPrincipals?: number | undefined;
}

/** A store that remembers what it has read about principals. */
export interface KnownState {
  readonly store: Store;
  /** Begins to poll. The first read of a principal does so as well. */
  readonly start: () => void;
  /** Ends the polls. From then on, every read goes to the store. */
  readonly stop: () => void;
}

/**
 * Returns the store, and remembers whether principals are blocked or signed out, and their vendor users. A change in this
 * broker is known at once. A change in another broker is known at the next poll; until then, for at most `maxSilenceMs`, this
 * broker uses what it knows. If polls fail for longer, every read goes to the store.
 */
export function rememberState(store: Store, dependencies: KnownStateDependencies): KnownState {
  const { clock, readChanges, maxPrincipals = defaultMaxPrincipals } = dependencies;
  const known = new LRUCache<string, Known>({
    // With `max`, the cache would reserve the memory of all entries at once.
    maxSize: maxPrincipals,
    sizeCalculation: () => 1,
    ttl: maxAgeMs,
    ttlResolution: 0,
    // The cache never expires what it has stored at the time 0.
    perf: { now: () => clock.monotonicMs() + 1 },
  });
  const changes = createChangeFeed({ clock, readChanges, known });
  return {
    start: changes.start,
    stop: changes.stop,
    store: { ...store, ...rememberReads(store, known, changes), ...forgetAtWrites(store, changes) },
  };
}

type ChangeFeed = ReturnType<typeof createChangeFeed>;
type Reads = Pick<Store, 'isBlocked' | 'listRevocations' | 'isSessionRevoked' | 'findVendorUser'>;

/** Returns the reads of a store that need not read again what is known. */
function rememberReads(store: Reads, known: LRUCache<string, Known>, changes: ChangeFeed): Reads {
  /** Returns what is known, or reads it. What was read is kept only if nothing changed meanwhile. */
  const read = <Value>(
    key: string,
    recall: (entry: Known) => Promise<Value> | undefined,
    load: () => Promise<Value>,
    keep: (entry: Known, value: Value) => void,
  ): Promise<Value> => {
    changes.start();
    const entry = changes.isCurrent() ? known.get(key) : undefined;
    return (entry && recall(entry)) ?? readAnew(key, load, keep);
  };
  const readAnew = async <Value>(
    key: string,
    load: () => Promise<Value>,
    keep: (entry: Known, value: Value) => void,
  ): Promise<Value> => {
    const epoch = changes.epoch();
    const value = await load();
    if (changes.epoch() !== epoch) return value;
    const present = known.get(key);
    const kept: Known = present ?? { vendorUsers: new Map() };
    keep(kept, value);
    // An entry that is present keeps its age: its oldest part decides.
    if (present === undefined) known.set(key, kept);
    return value;
  };
  return {
    isBlocked: (principal) =>
      read(
        keyOfPrincipal(principal),
        ({ isBlocked }) => isBlocked,
        () => store.isBlocked(principal),
        (entry, value) => void (entry.isBlocked = Promise.resolve(value)),
      ),
    listRevocations: (principal) =>
      read(
        keyOfPrincipal(principal),
        ({ revocations }) => revocations,
        () => store.listRevocations(principal),
        (entry, value) => void (entry.revocations = Promise.resolve(value)),
      ),
    isSessionRevoked: (session) =>
      read(
        keyOf({ ...session, subject: '' }),
        ({ isSessionRevoked }) => isSessionRevoked,
        () => store.isSessionRevoked(session),
        (entry, value) => void (entry.isSessionRevoked = Promise.resolve(value)),
      ),
    findVendorUser: (key) =>
      read(
        keyOf({ ...key, session: '' }),
        ({ vendorUsers }) => vendorUsers.get(targetOf(key)),
        () => store.findVendorUser(key),
        ({ vendorUsers }, value) =>
          void (value !== undefined && vendorUsers.set(targetOf(key), Promise.resolve(value))),
      ),
  };
}

/** Returns the writes of a store, which forget what they change, also if they fail: a failed write may have been committed. */
function forgetAtWrites(store: Store, { forget }: Pick<ChangeFeed, 'forget'>) {
  const change = async <Result>(changed: readonly Change[], write: Promise<Result>): Promise<Result> => {
    try {
      return await write;
    } finally {
      changed.forEach(forget);
    }
  };
  const ofPrincipal = ({ issuer, subject }: PrincipalId): Change[] => [{ issuer, subject, session: '' }];
  return {
    blockUser: (principal, details) => change(ofPrincipal(principal), store.blockUser(principal, details)),
    unblockUser: (principal) => change(ofPrincipal(principal), store.unblockUser(principal)),
    setVendorUser: (key, vendorUserId) => change(ofPrincipal(key), store.setVendorUser(key, vendorUserId)),
    forgetVendorUser: (key, vendorUserId) => change(ofPrincipal(key), store.forgetVendorUser(key, vendorUserId)),
    removeVendorUser: (key, vendorUserId) => change(ofPrincipal(key), store.removeVendorUser(key, vendorUserId)),
    recordLogout: (logout) => {
      const { issuer, subject = '', session = '' } = logout;
      return change(
        [...ofPrincipal({ issuer, subject }), { issuer, subject: '', session }],
        store.recordLogout(logout),
      );
    },
  } satisfies Partial<Store>;
}

interface ChangeFeedDependencies extends Pick<KnownStateDependencies, 'clock' | 'readChanges'> {
  readonly known: Pick<LRUCache<string, Known>, 'delete' | 'clear'>;
}

/** Reads what other brokers changed, and deletes what is known about it. */
function createChangeFeed({ clock, readChanges, known }: ChangeFeedDependencies) {
  // No change has this number, so that the first poll only learns the number of the last change.
  let latest = Number.MAX_SAFE_INTEGER;
  let currentAtMs = -Infinity;
  let epoch = 0;
  let isPolling = false;
  let timer: NodeJS.Timeout | undefined;
  let hasStopped = false;

  const forget = (change: Change): void => {
    epoch += 1;
    known.delete(keyOf(change));
  };
  const forgetAll = (): void => {
    epoch += 1;
    known.clear();
  };
  const poll = async (): Promise<void> => {
    // A poll that the store does not answer is not doubled.
    if (isPolling) return;
    isPolling = true;
    const beganAtMs = clock.monotonicMs();
    try {
      const read = await readChanges(latest);
      if (hasStopped) return;
      if (read.changes === undefined) forgetAll();
      else for (const change of read.changes) forget(change);
      latest = read.latest;
      currentAtMs = beganAtMs;
    } catch {
      // The requests themselves report that the store fails: soon each of them reads the store.
    } finally {
      isPolling = false;
    }
  };
  return {
    epoch: () => epoch,
    forget,
    /** Returns whether everything that is known was still true `maxSilenceMs` ago. */
    isCurrent: () => clock.monotonicMs() - currentAtMs <= maxSilenceMs,
    start: () => {
      if (timer !== undefined || hasStopped) return;
      timer = setInterval(() => void poll(), pollMs).unref();
      void poll();
    },
    stop: () => {
      hasStopped = true;
      currentAtMs = -Infinity;
      clearInterval(timer);
    },
  };
}

const keyOf = ({ issuer, subject, session }: Change): string => JSON.stringify([issuer, subject, session]);

/** The verifier returns one object for each request with the same token. Its key would otherwise be written and hashed for each read. */
const keysOfPrincipals = new WeakMap<PrincipalId, string>();

function keyOfPrincipal(principal: PrincipalId): string {
  const remembered = keysOfPrincipals.get(principal);
  if (remembered !== undefined) return remembered;
  const { issuer, subject } = principal;
  const key = keyOf({ issuer, subject, session: '' });
  keysOfPrincipals.set(principal, key);
  return key;
}

const targetOf = ({ connection, vendor }: VendorUserKey): string => JSON.stringify([connection, vendor]);
