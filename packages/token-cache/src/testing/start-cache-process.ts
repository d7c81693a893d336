import { fork } from 'node:child_process';
import type { ProcessMessage, ProcessOrder, ProcessReport, ProcessSettings } from './cache-process.ts';

/** A child process that runs a token cache over the shared store. */
export interface CacheProcess {
  /** Sends an order to the process and resolves to its report. */
  readonly run: (order: ProcessOrder) => Promise<ProcessReport>;
  /** Resolves when the process calls the token endpoint for the next time. */
  readonly nextIssue: () => Promise<void>;
  /** Kills the process at once (SIGKILL). */
  readonly kill: () => Promise<void>;
  /** Tells the process to close its cache, and waits until the process has exited. */
  readonly close: () => Promise<void>;
}

/** Starts a process and waits until it is ready. */
export async function startCacheProcess(settings: ProcessSettings): Promise<CacheProcess> {
  const child = fork(new URL('cache-process.ts', import.meta.url), [JSON.stringify(settings)], {
    execArgv: ['--conditions=@valetkey/source'],
  });
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()));

  function next<Type extends ProcessMessage['type']>(type: Type): Promise<ProcessMessage & { type: Type }> {
    return new Promise((resolve, reject) => {
      function listen(message: ProcessMessage): void {
        if (message.type !== type) return;
        child.off('message', listen);
        resolve(message as ProcessMessage & { type: Type });
      }
      child.on('message', listen);
      void exited.then(() => reject(new Error(`The cache process exited before it sent \`${type}\`.`)));
    });
  }

  await next('ready');
  return {
    run: async (order) => {
      const message = next('report');
      child.send(order);
      return (await message).report;
    },
    nextIssue: async () => {
      await next('issue');
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    close: async () => {
      if (child.connected) child.send({ type: 'close' } satisfies ProcessOrder);
      await exited;
    },
  };
}
