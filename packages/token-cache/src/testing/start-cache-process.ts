import { fork } from 'node:child_process';
import type { ProcessMessage, ProcessOrder, ProcessReport, ProcessSettings } from './cache-process.ts';

/** One process that keeps tokens over the shared store. */
export interface CacheProcess {
  readonly follow: (order: ProcessOrder) => Promise<ProcessReport>;
  /** Resolves when the process calls the token endpoint the next time. */
  readonly nextIssue: () => Promise<void>;
  /** Ends the process at once, whatever it is doing. */
  readonly kill: () => Promise<void>;
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
      void exited.then(() => reject(new Error('The process has ended.')));
    });
  }

  await next('ready');
  return {
    follow: async (order) => {
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
