import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a program and returns what it printed. Rejects with its output if it fails. */
export async function runProgram(
  program: string,
  programArguments: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout } = await run(program, programArguments, { env: { ...process.env, ...env } });
  return stdout;
}

/** A compiler that a developer's machine may lack. */
export interface Compiler {
  readonly program: string;
  /** Whether `.ci/run` installs it. With `CI` set, its tests then fail without it. Otherwise they are skipped. */
  readonly isInstalledByCi: boolean;
  readonly remediation: string;
}

/** Returns whether a compiler is on the path. Throws if it is not, although `.ci/run` should have installed it. */
export function isCompilerAvailable({ program, isInstalledByCi, remediation }: Compiler): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, program)))) return true;
  const message = `${program} is not on the path. ${remediation}`;
  if (isInstalledByCi && process.env['CI'] !== undefined) throw new Error(message);
  process.stderr.write(`\n*** ${message} Its tests are skipped. ***\n`);
  return false;
}

export const javac: Compiler = {
  program: 'javac',
  isInstalledByCi: true,
  remediation: 'Install JDK 17 or later.',
};

export const kotlinc: Compiler = {
  program: 'kotlinc',
  isInstalledByCi: false,
  remediation: 'Install the Kotlin compiler, such as the npm package kotlin-compiler.',
};

export const mcs: Compiler = {
  program: 'mcs',
  isInstalledByCi: true,
  remediation: 'Install the C# compiler of Mono: mono-mcs and libmono-system-net-http4.0-cil.',
};
