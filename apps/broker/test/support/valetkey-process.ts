import { spawn } from 'node:child_process';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** The bundle of the `valetkey` command. */
    readonly commandFile: string;
  }
}

/** The `valetkey` command, which `bundle-command.ts` bundles before the tests. */
export const commandFile = inject('commandFile');

/** Runs `valetkey` in a process of its own, as an operator does, and keeps everything that it prints. */
export function startValetkey(
  args: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
) {
  const child = spawn(process.execPath, [commandFile, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...environment },
  });
  let output = '';
  let standardOutput = '';
  const { promise: exitCode, resolve: exit } = Promise.withResolvers<number | null>();
  const listeners = new Set<() => void>();
  const read = (chunk: Buffer) => {
    output += chunk;
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', (chunk: Buffer) => (standardOutput += chunk));
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  child.once('close', exit);

  return {
    pid: child.pid ?? 0,
    /** Everything printed to standard output and standard error. */
    output: () => output,
    /** Everything printed to standard output. */
    standardOutput: () => standardOutput,
    /** Writes a text to standard input, and ends it. */
    sendInput: (text: string) => child.stdin.end(text),
    /** Resolves with the match once the output matches. Rejects if the process ends before. */
    waitForOutput: (pattern: RegExp) =>
      new Promise<RegExpExecArray>((resolve, reject) => {
        const check = () => {
          const found = pattern.exec(output);
          if (found === null) return;
          listeners.delete(check);
          resolve(found);
        };
        listeners.add(check);
        check();
        void exitCode.then(() => reject(new Error(`valetkey ended without printing ${pattern}`)));
      }),
    signal: (name: NodeJS.Signals) => child.kill(name),
    /** Resolves with the exit code once the process has ended, or with null if a signal ended it. */
    exitCode,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exitCode;
    },
  };
}
