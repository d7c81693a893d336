/** A text in a storage. */
export interface StoredText {
  readonly text: string;
  /** Another value after each write. */
  readonly revision: string;
}

/** What a task of {@link DeviceStorage.runAlone} knows about its turn. */
export interface Turn {
  /** True if the program that had the turn before vanished without giving it back: it may still finish its work. */
  readonly isTakenOver: boolean;
}

/** Milliseconds after which another program takes a turn that was not given back. */
export const turnMs = 10_000;

/**
 * A place on the device where a session is kept. `memoryStorage` and its siblings create one.
 *
 * A function that rejects says that the storage cannot be read or written now, for example because the device is locked.
 * It never means that there is no text.
 */
export interface DeviceStorage {
  /** Resolves with the text under `key`, or with null if there is none. */
  readonly read: (key: string) => Promise<StoredText | null>;
  /**
   * Writes `text` under `key` if the revision of the text there is `expected`, or if there is none and `expected` is null.
   * Resolves with the new revision, or with null if another program wrote or removed the text.
   */
  readonly replace: (key: string, expected: string | null, text: string) => Promise<string | null>;
  /** Removes the text under `key`, whatever its revision. */
  readonly remove: (key: string) => Promise<void>;
  /**
   * Runs `task` while no other task under `key` runs, in any program that shares the storage. A task has 10 seconds. If
   * `signal` aborts before the turn begins, the function rejects and never runs `task`.
   */
  readonly runAlone: <Result>(
    key: string,
    signal: AbortSignal,
    task: (turn: Turn) => Promise<Result>,
  ) => Promise<Result>;
  /**
   * Calls `listener` after another user of the storage, such as another tab, wrote or removed the text under `key`. Returns a function
   * that ends this.
   */
  readonly watch: (key: string, listener: () => void) => () => void;
}
