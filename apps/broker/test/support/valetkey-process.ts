import { spawn } from 'node:child_process';

const command = new URL('../../src/cli/command.ts', import.meta.url).pathname;

/** Runs `valetkey` as a person does, and keeps all that it prints. */
export function startValetkey(
  args: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
) {
  const child = spawn(process.execPath, ['--conditions=@valetkey/source', command, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...environment },
  });
  let printed = '';
  const { promise: ended, resolve: end } = Promise.withResolvers<number | null>();
  const listeners = new Set<() => void>();
  const read = (chunk: Buffer) => {
    printed += chunk;
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  child.once('close', end);

  return {
    pid: child.pid ?? 0,
    printed: () => printed,
    /** Resolves once the output says something. Rejects if the process ends without having said it. */
    says: (what: RegExp) =>
      new Promise<RegExpExecArray>((resolve, reject) => {
        const look = () => {
          const found = what.exec(printed);
          if (found === null) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        look();
        void ended.then(() => reject(new Error(`valetkey ended without saying ${what}`)));
      }),
    signal: (name: NodeJS.Signals) => child.kill(name),
    /** The exit code, or null where a signal ended it. */
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
