import { fork } from 'node:child_process';
import type { ProcessOrder, ProcessReport, ProcessSettings } from './cache-process.ts';

type Message = { readonly type: 'ready' | 'issue' } | { readonly type: 'report'; readonly report: ProcessReport };

/** One process that keeps tokens over the shared store. */
export interface CacheProcess {
  readonly follow: (order: ProcessOrder) => Promise<ProcessReport>;
  /** Resolves when the process asks the token endpoint the next time. */
  readonly nextIssue: () => Promise<void>;
  /** Ends the process in the middle of whatever it does. */
  readonly kill: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Starts a process and waits until it is ready. */
export const startCacheProcess = async (settings: ProcessSettings): Promise<CacheProcess> => {
  const child = fork(new URL('cache-process.ts', import.meta.url), [JSON.stringify(settings)], {
    execArgv: ['--conditions=@valetkey/source'],
  });
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  const next = <Type extends Message['type']>(type: Type): Promise<Extract<Message, { type: Type }>> =>
    new Promise((resolve, reject) => {
      const listen = (message: Message): void => {
        if (message.type !== type) return;
        child.off('message', listen);
        resolve(message as Extract<Message, { type: Type }>);
      };
      child.on('message', listen);
      void exited.then(() => reject(new Error('The process has ended.')));
    });

  await next('ready');
  return {
    follow: async (order) => {
      const report = next('report');
      child.send(order);
      return (await report).report;
    },
    nextIssue: async () => {
      await next('issue');
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    close: async () => {
      if (child.connected) child.send('close');
      await exited;
    },
  };
};
