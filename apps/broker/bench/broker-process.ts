import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The server under test has a core of its own. The load, the vendor and the identity provider share the other one. */
const cores = { server: '0', load: '1' };

const hasTaskset = existsSync('/usr/bin/taskset') && process.platform === 'linux';

/** Starts a program of Node on one of the two cores. */
export function startNode(core: keyof typeof cores, args: readonly string[], hasChannel = false): ChildProcess {
  const command = hasTaskset ? ['taskset', '-c', cores[core], process.execPath] : [process.execPath];
  const [program = '', ...before] = command;
  return spawn(program, [...before, ...args], {
    cwd: benchFile('..'),
    stdio: ['ignore', 'pipe', hasChannel ? 'inherit' : 'pipe', hasChannel ? 'ipc' : 'ignore'],
    env: { ...process.env, NODE_ENV: 'production' },
    serialization: 'advanced',
  });
}

/** Keeps this program off the core of the server under test. */
export function pinThisProcess(): void {
  if (hasTaskset) execFileSync('taskset', ['-a', '-c', '-p', cores.load, String(process.pid)], { stdio: 'ignore' });
}

export function benchFile(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** Returns the seconds of processor time that all threads of a process used. */
export function processorSeconds(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // `utime` and `stime` (proc(5)) count ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Returns the resident memory of a process in MiB. */
export function residentMebibytes(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

/** A server under test. */
export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  /** Milliseconds from the start of the process until it listened. */
  readonly startMs: number;
  /** Milliseconds of processor time until then. */
  readonly startCpuMs: number;
  readonly stop: () => Promise<void>;
}

/** Starts a server on its core and resolves when it prints that it listens. */
export async function startServer(args: readonly string[]): Promise<RunningServer> {
  const startedAt = performance.now();
  const child = startNode('server', args);
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      const address = /listens on (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1];
      if (address !== undefined) resolve(address);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', () => reject(new Error(`A server ended before it listened: ${text}`)));
  });
  const startMs = performance.now() - startedAt;
  const startCpuMs = processorSeconds(child.pid ?? 0) * 1_000;
  child.stdout?.removeAllListeners('data').resume();
  child.stderr?.removeAllListeners('data').pipe(process.stderr);
  return {
    url,
    pid: child.pid ?? 0,
    startMs,
    startCpuMs,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Starts the simulated vendor. Each response takes `delayMs`. */
export async function startVendor(delayMs: number): Promise<{ readonly url: string; readonly stop: () => void }> {
  const child = startNode('load', [benchFile('broker-vendor.ts'), String(delayMs)], true);
  const [port] = (await once(child, 'message')) as [number];
  return { url: `http://127.0.0.1:${port}`, stop: () => child.disconnect() };
}
