import type { Config } from './config/config.ts';
import type { RefreshedConfig, SecretSource } from './config/secret-source.ts';
import { describeFile as describeSystemFile, type FileFacts } from './config/file-facts.ts';
import { createFileWatch } from './watch-files.ts';

interface ReloaderDependencies {
  /** The source of the configuration in use. */
  readonly source: Pick<SecretSource, 'refresh' | 'files'>;
  /** Replaces the configuration in use by the one that `read` resolves with, and reports the outcome. */
  readonly reload: (read: () => Promise<Config>) => Promise<void>;
  /** Receives each warning about the configuration that was not there before. */
  readonly onWarning: (warning: string) => void;
  /** Returns the facts of a file. Default: those of the file system. */
  readonly describeFile?: ((path: string) => Promise<FileFacts>) | undefined;
  /** Runs `work`, which never rejects, after `delayMs`, unless the returned function is called before. Default: a timer. */
  readonly schedule?: ((work: () => Promise<void>, delayMs: number) => () => void) | undefined;
}

/** Reloads the configuration of a broker when its files or its secrets change. */
export interface Reloader {
  /** Reloads the configuration now. Resolves when this succeeded or failed; never rejects. */
  readonly reload: () => Promise<void>;
  /** Ends the watch, and resolves when no reload is running. */
  readonly close: () => Promise<void>;
}

/** Starts to follow the files and the secret managers of a configuration. `loaded`: the configuration in use. */
export function startReloader(loaded: RefreshedConfig, dependencies: ReloaderDependencies): Reloader {
  const { source, onWarning, describeFile = describeSystemFile, schedule = runLater } = dependencies;
  let inUse = loaded;
  let running: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  let isClosed = false;
  let cancelRefresh = () => {};

  const run = async (): Promise<void> => {
    waiting = undefined;
    if (isClosed) return;
    let read: RefreshedConfig | undefined;
    try {
      await dependencies.reload(async () => {
        read = await source.refresh();
        return read.config;
      });
      if (read !== undefined) adopt(read);
    } catch {
      // `reload` has reported it.
    }
    follow();
  };
  const adopt = (read: RefreshedConfig): void => {
    for (const warning of read.warnings) if (!inUse.warnings.includes(warning)) onWarning(warning);
    inUse = read;
  };
  /** A reload that waits for the running one also stands for those that are asked for meanwhile. */
  const reload = (): Promise<void> => {
    if (waiting !== undefined) return waiting;
    waiting = running.then(run);
    running = waiting;
    return running;
  };
  const files = createFileWatch({ describeFile, schedule, onChange: reload });
  const follow = (): void => {
    const { config, uses } = inUse;
    files.watch(config.reload.watch ? source.files() : new Map());
    cancelRefresh();
    const { refreshSeconds } = config.secrets ?? {};
    const hasManager = uses.some(({ kind }) => kind === 'vault' || kind === 'aws-sm');
    if (hasManager && refreshSeconds !== undefined && !isClosed)
      cancelRefresh = schedule(reload, refreshSeconds * 1_000);
  };
  follow();
  return {
    reload,
    close: async () => {
      isClosed = true;
      files.close();
      cancelRefresh();
      await running;
    },
  };
}

function runLater(work: () => Promise<void>, delayMs: number): () => void {
  const timer = setTimeout(() => void work(), delayMs).unref();
  return () => clearTimeout(timer);
}
