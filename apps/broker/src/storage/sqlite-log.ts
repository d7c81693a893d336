import { closeSync, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

/** The size of the log, in pages of 4 KB, from which it begins anew after it was written back. */
export const maxLogPages = 16_384;

/**
 * The program of the thread, which imports nothing of the broker and is no file of its own, so that it is found however the broker is
 * bundled. While it writes pages back, others can write to the log. Then it locks the file for the few pages that were added
 * meanwhile, so that the log can begin anew. A reader of another process may prevent that; the next checkpoint tries again.
 */
const program = `
  const { parentPort, workerData } = require('node:worker_threads');
  process.removeAllListeners('warning');
  const { DatabaseSync } = require('node:sqlite');
  // Fails if the file is missing, which SQLite would create.
  require('node:fs').statSync(workerData.path);
  const database = new DatabaseSync(workerData.path, { timeout: 20 });
  const checkpoint = (mode) => database.prepare('PRAGMA wal_checkpoint(' + mode + ')').get();
  parentPort.on('message', (message) => {
    if (message === 'close') {
      database.close();
      parentPort.close();
      return;
    }
    try {
      let state;
      for (let pass = 0; pass < 5; pass += 1) {
        state = checkpoint('PASSIVE');
        if (state.log - state.checkpointed < 256) break;
      }
      // The first write to a log that begins anew waits for the disk. It is made here, and changes nothing.
      if (state.log > workerData.logPages && checkpoint('RESTART').busy === 0) {
        const { user_version: version } = database.prepare('PRAGMA user_version').get();
        database.exec('PRAGMA user_version = ' + version);
      }
    } catch {
      // The log stays as it is until the next checkpoint.
    }
    parentPort.postMessage('done');
  });`;

/** Writes the write-ahead log back into the file from time to time, in a thread: it waits for the disk, as no request may. */
export interface Checkpoints {
  /** Begins a checkpoint, unless one is running. Never throws. */
  readonly begin: () => void;
  readonly close: () => Promise<void>;
}

function post(worker: Worker, message: 'checkpoint' | 'close'): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A worker of Node has no origin.
  worker.postMessage(message);
}

/** Creates the checkpoints of a file. The thread starts when it is first needed. */
export function createCheckpoints(path: string, logPages = maxLogPages): Checkpoints {
  let isRunning = path === ':memory:';
  let worker: Worker | undefined;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const start = (): Worker => {
    const started = new Worker(program, { eval: true, workerData: { path, logPages } });
    started.unref();
    started.on('message', () => {
      isRunning = false;
    });
    // Without the thread, SQLite itself writes back a log that has twice the size.
    return started.on('error', () => undefined).on('exit', () => end());
  };
  return {
    begin() {
      if (isRunning) return;
      isRunning = true;
      try {
        worker ??= start();
      } catch {
        // Node's permission model may forbid threads.
        return;
      }
      post(worker, 'checkpoint');
    },
    async close() {
      if (worker === undefined) return;
      worker.ref();
      post(worker, 'close');
      await ended;
    },
  };
}

/** Waits until the disk has what was committed. */
export interface Flush {
  /** Resolves when everything that was committed before this call survives a power loss. Rejects with the system's error. */
  readonly flush: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const systemSynchronize: (file: number) => Promise<void> = promisify(fdatasync);

/**
 * Creates the flush of a file, whose write-ahead log must exist. A commit is in the log, and SQLite ignores a commit of which the
 * disk has only a part. Calls that wait at the same time share one flush.
 */
export function createFlush(path: string, synchronize = systemSynchronize): Flush {
  // Only the log may be opened beside SQLite: closing the file itself would release SQLite's locks (POSIX advisory locks).
  const log = openSync(`${path}-wal`, 'r+');
  keepEntries(dirname(path));
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return {
    flush: () => {
      // A flush that runs already may have begun before the commit, so the call waits for the next one.
      next ??= running
        .catch(() => undefined)
        .then(() => {
          next = undefined;
          return (running = synchronize(log));
        });
      return next;
    },
    close: async () => {
      await next?.catch(() => undefined);
      await running.catch(() => undefined);
      closeSync(log);
    },
  };
}

/** Waits until the disk has the entries of a folder, so that new files survive a power loss. Windows keeps them by itself. */
function keepEntries(folder: string): void {
  if (process.platform === 'win32') return;
  const entries = openSync(folder, 'r');
  try {
    fsyncSync(entries);
  } finally {
    closeSync(entries);
  }
}
