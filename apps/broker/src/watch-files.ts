import type { FileFacts } from './config/file-facts.ts';

interface FileWatchDependencies {
  /** Returns the facts of a file. Never rejects. */
  readonly describeFile: (path: string) => Promise<FileFacts>;
  /** Runs `work`, which never rejects, after `delayMs`, unless the returned function is called before. */
  readonly schedule: (work: () => Promise<void>, delayMs: number) => () => void;
  /** Called after files have changed, once they have stayed the same for `pollMs`. Never rejects. */
  readonly onChange: () => Promise<void>;
}

/** Notices when files are changed or replaced. */
export interface FileWatch {
  /** Watches these files from now on, in place of those before, and compares them with these facts. */
  readonly watch: (files: ReadonlyMap<string, FileFacts>) => void;
  readonly close: () => void;
}

/** How often the files are looked at, in milliseconds. */
export const pollMs = 2_000;

/**
 * Creates a watch that looks at the facts of each file, and never opens one. Thus it notices also what events of the file system
 * miss: a file that is renamed to the watched path, the symbolic link that Kubernetes replaces, network file systems, and a file that
 * appears only later. While a file is still being written, its facts change, and the watch waits.
 */
export function createFileWatch({ describeFile, schedule, onChange }: FileWatchDependencies): FileWatch {
  let known: ReadonlyMap<string, FileFacts> = new Map();
  let hasChanged = false;
  let isClosed = false;
  let cancel = () => {};

  const look = async (): Promise<void> => {
    const watched = known;
    const facts = new Map<string, FileFacts>();
    for (const path of watched.keys()) facts.set(path, await describeFile(path));
    // Others are watched by now.
    if (known !== watched || isClosed) return;
    const isSettled = [...facts].every(([path, found]) => watched.get(path) === found);
    known = facts;
    if (isSettled && hasChanged) {
      hasChanged = false;
      await onChange();
    } else hasChanged ||= !isSettled;
  };
  const plan = (): void => {
    cancel();
    if (isClosed || known.size === 0) return;
    cancel = schedule(async () => {
      await look();
      plan();
    }, pollMs);
  };
  return {
    watch: (files) => {
      known = files;
      hasChanged = false;
      plan();
    },
    close: () => {
      isClosed = true;
      cancel();
    },
  };
}
