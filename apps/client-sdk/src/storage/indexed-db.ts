import type { Bounds } from './bounded-access.ts';

type Transact = <Result>(mode: IDBTransactionMode, task: (items: IDBObjectStore) => Promise<Result>) => Promise<Result>;

/** A database with one store, and its connection, which may be lost at any time. */
export interface ItemDatabase {
  /**
   * Runs `task` within the bounds, and once more with a new connection if it fails. `task` may therefore find what it has
   * written itself. A transaction of a task whose time is over never writes.
   */
  readonly access: <Result>(task: (transact: Transact) => Promise<Result>) => Promise<Result>;
}

const storeName = 'items';

/** Creates an {@link ItemDatabase}. It connects at the first access. */
export function createItemDatabase(factory: () => IDBFactory, name: string, { run }: Bounds): ItemDatabase {
  let connection: Promise<IDBDatabase> | undefined;

  async function open(): Promise<IDBDatabase> {
    // Without a version: a later release of this package may have another one open in another tab.
    const request = factory().open(name);
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore(storeName));
    const database = await resultOf(request);
    database.addEventListener('versionchange', disconnect);
    database.addEventListener('close', disconnect);
    return database;
  }
  function disconnect(): void {
    // This also closes a connection that opens late.
    connection?.then(
      (database) => database.close(),
      () => undefined,
    );
    connection = undefined;
  }
  async function transact<Result>(
    signal: AbortSignal,
    mode: IDBTransactionMode,
    task: (items: IDBObjectStore) => Promise<Result>,
  ): Promise<Result> {
    connection ??= open();
    const database = await connection;
    if (signal.aborted) throw new Error('The time of the access is over.');
    // A loss of power must not bring back a refresh token that was used.
    const transaction = database.transaction(storeName, mode, { durability: 'strict' });
    const abort = () => {
      try {
        transaction.abort();
      } catch {
        // It has ended.
      }
    };
    signal.addEventListener('abort', abort);
    const ended = new Promise<void>((resolve, reject) => {
      const fail = () => reject(transaction.error ?? new Error('The transaction was aborted.'));
      transaction.addEventListener('complete', () => resolve());
      transaction.addEventListener('abort', fail);
    });
    const result = task(transaction.objectStore(storeName));
    result.catch(abort);
    await ended;
    return result;
  }

  return {
    access: (task) =>
      run(async (signal) => {
        signal.addEventListener('abort', disconnect);
        const attempt = () => task((mode, steps) => transact(signal, mode, steps));
        try {
          return await attempt();
        } catch (error) {
          if (signal.aborted) throw error;
          // Safari loses the connection of a page that was in the background: "Connection to Indexed Database server lost".
          disconnect();
          return await attempt();
        }
      }),
  };
}

/** Resolves with the result of a request. */
export function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error));
  });
}
