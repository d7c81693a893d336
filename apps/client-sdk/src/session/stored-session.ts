import type { MonotonicClock } from '../calls/clock.ts';
import { callSafely } from '../calls/call-safely.ts';
import { neverEnding } from '../calls/client-inside.ts';
import { settleWithin } from '../calls/deadline.ts';
import { isOver, type Moment } from '../calls/moment.ts';
import type { DeviceStorage, StoredText } from '../storage/device-storage.ts';
import { storageError } from './session-errors.ts';
import { endedText, lifetimeOf, parseRecord, type Lifetime, type SessionRecord } from './session-record.ts';

/** A session in memory. */
export interface HeldSession {
  readonly record: SessionRecord;
  readonly lifetime: Lifetime;
}

export interface StoredSessionDependencies {
  readonly storage: DeviceStorage;
  readonly key: string;
  readonly clock: MonotonicClock;
  /** Returns the server's clock minus the device's clock, as far as it is known. */
  readonly offsetMs: () => number | undefined;
  /** Called after the first read, and after each read that found what another tab wrote or removed. */
  readonly onRead: (before: HeldSession | undefined, isFirst: boolean) => void;
}

/** Milliseconds that one access to the storage may take. */
const accessMs = 5000;
/** Milliseconds after which a call reads the storage again, because the notice of another tab may have been lost. */
const recheckMs = 10_000;

const now: Moment = { monotonicMs: -Infinity, wallMs: -Infinity };

/** The session in the storage, and this program's copy of it. */
export class StoredSession {
  readonly #dependencies: StoredSessionDependencies;
  #held: HeldSession | undefined;
  #revision: string | null = null;
  #isKnown = false;
  #isSaved = true;
  #nextRead = now;
  /** What must be erased before anything else. */
  #unerased: { readonly id: string | undefined; readonly isRetry: boolean } | undefined;
  /** The sessions that ended here. A write that a storage completes late must not bring one back. */
  readonly #endedIds = new Set<string>();
  #savingId: string | undefined;
  #lastAccess: Promise<unknown> = Promise.resolve();
  #nextReading: Promise<void> | undefined;
  #dueReading: Promise<void> | undefined;
  #unwatch: (() => void) | undefined;
  #isClosed = false;

  constructor(dependencies: StoredSessionDependencies) {
    this.#dependencies = dependencies;
  }

  get held(): HeldSession | undefined {
    return this.#held;
  }

  /** The revision of the storage when it was read or written last. */
  get revision(): string | null {
    return this.#revision;
  }

  read(): Promise<void> {
    // A read that has not begun yet serves all that wait.
    this.#nextReading ??= this.#enqueue(() => {
      this.#nextReading = undefined;
      return this.#readNow();
    });
    return this.#nextReading;
  }

  /** Reads the storage if another tab may have written it. A failure counts only if this program knows nothing. */
  async readIfDue(): Promise<void> {
    const { clock } = this.#dependencies;
    if (this.#isKnown && this.#unerased === undefined && !isOver(this.#nextRead, clock)) return;
    try {
      this.#dueReading ??= this.read().finally(() => {
        this.#dueReading = undefined;
      });
      await this.#dueReading;
    } catch (error) {
      if (!this.#isKnown || this.#unerased !== undefined) throw error;
    }
  }

  /**
   * Writes a record over the revision `expected`. Resolves with false if another tab was first, or if the session was
   * dropped. A record that cannot be written stays in memory, and the next read writes it.
   */
  save(record: SessionRecord, expected: string | null): Promise<boolean> {
    return this.#enqueue(() => this.#saveNow(record, expected));
  }

  /** Forgets the session at once. `erase` must follow; until it succeeds, every read erases first. */
  drop(): void {
    for (const id of [this.#held?.record.id, this.#savingId]) if (id !== undefined) this.#endedIds.add(id);
    this.#unerased = { id: this.#held?.record.id ?? this.#savingId ?? this.#unerased?.id, isRetry: false };
    this.#held = undefined;
    this.#revision = null;
    this.#isSaved = true;
    this.#isKnown = true;
  }

  /** Erases what `drop` forgot. Resolves with the record that the storage held. */
  erase(): Promise<SessionRecord | null> {
    return this.#enqueue(() => this.#eraseNow());
  }

  /** Ends the notices of other tabs. */
  close(): void {
    this.#isClosed = true;
    callSafely(() => this.#unwatch?.(), undefined);
    this.#unwatch = undefined;
  }

  /** Runs accesses one after another, so that a read never meets a write of the same program. */
  #enqueue<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#lastAccess.then(task);
    this.#lastAccess = result.catch(() => undefined);
    return result;
  }

  async #access<Result>(task: (storage: DeviceStorage, key: string) => Promise<Result>): Promise<Result> {
    const { clock, storage, key } = this.#dependencies;
    try {
      return await settleWithin({ clock, timeoutMs: accessMs, ending: neverEnding }, () => task(storage, key));
    } catch {
      // The error of a storage may quote what it stores.
      throw storageError();
    }
  }

  async #readNow(): Promise<void> {
    this.#watch();
    if (this.#unerased !== undefined) await this.#eraseNow();
    const stored = await this.#readText();
    // The app signed out in the meantime.
    if (this.#unerased !== undefined) return;
    const { clock, onRead } = this.#dependencies;
    const isFirst = !this.#isKnown;
    this.#isKnown = true;
    this.#nextRead = { monotonicMs: clock.monotonicMs() + recheckMs, wallMs: clock.nowMs() + recheckMs };
    if (!isFirst && (stored?.revision ?? null) === this.#revision) return this.#saveAgain();
    const record = stored === null ? null : parseRecord(stored.text);
    if (record !== null && this.#endedIds.has(record.id)) {
      this.#unerased = { id: record.id, isRetry: true };
      return this.#readNow();
    }
    const before = this.#held;
    this.#revision = stored?.revision ?? null;
    this.#isSaved = true;
    this.#held = record === null ? undefined : this.#hold(record);
    onRead(before, isFirst);
  }

  async #saveAgain(): Promise<void> {
    if (!this.#isSaved && this.#held !== undefined) await this.#saveNow(this.#held.record, this.#revision);
  }

  async #saveNow(record: SessionRecord, expected: string | null): Promise<boolean> {
    if (expected !== this.#revision || this.#endedIds.has(record.id)) return false;
    this.#savingId = record.id;
    const text = JSON.stringify(record);
    const written = await this.#access((storage, key) => storage.replace(key, expected, text)).catch(() => undefined);
    this.#savingId = undefined;
    if (written === null || this.#endedIds.has(record.id)) return false;
    this.#isSaved = written !== undefined;
    this.#revision = written ?? this.#revision;
    this.#held = this.#hold(record);
    return true;
  }

  async #eraseNow(tries = 2): Promise<SessionRecord | null> {
    const due = this.#unerased;
    if (due === undefined) return null;
    const retry = { ...due, isRetry: true };
    this.#unerased = retry;
    // Only the first try may remove what it cannot read: later, it may be the session of another user.
    const stored = await this.#readText().catch(async (error: unknown) => {
      if (due.isRetry && due.id !== undefined) throw error;
      await this.#access((storage, key) => storage.remove(key));
      return null;
    });
    const record = stored === null ? null : parseRecord(stored.text);
    // Since the first try, another tab may have signed a user in.
    const isAnother = due.isRetry && due.id !== undefined && record !== null && record.id !== due.id;
    if (!isAnother && stored?.text !== endedText) {
      // Over this text, no write lands late, and no tab repeats a first write whose outcome it does not know.
      const erased = await this.#access((storage, key) => storage.replace(key, stored?.revision ?? null, endedText));
      // Another tab wrote in the meantime.
      if (erased === null) {
        if (tries > 0) return this.#eraseNow(tries - 1);
        throw storageError();
      }
    }
    if (this.#unerased === retry) this.#unerased = undefined;
    return isAnother ? null : record;
  }

  #hold(record: SessionRecord): HeldSession {
    const { clock, offsetMs } = this.#dependencies;
    return { record, lifetime: lifetimeOf(record, clock, offsetMs()) };
  }

  #watch(): void {
    const { storage, key } = this.#dependencies;
    if (this.#isClosed) return;
    try {
      this.#unwatch ??= storage.watch(key, () => {
        this.#nextRead = now;
        this.read().catch(() => undefined);
      });
    } catch {
      // Without notices, this program learns of other tabs when it reads the storage again.
    }
  }

  async #readText(): Promise<StoredText | null> {
    const stored = await this.#access((storage, key) => storage.read(key));
    if (stored === null || (typeof stored?.text === 'string' && typeof stored.revision === 'string')) return stored;
    throw storageError();
  }
}
