import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { sdkRequestsSchema, type SdkRequests } from '../../apps/broker/test/support/sdk-requests.ts';
import { formatText } from '../generate/format-text.ts';

export interface ClientProof {
  /** The modules that export an `sdk`. */
  readonly programs: readonly URL[];
  /** The file that holds what the SDKs send. */
  readonly file: string;
  /** Writes the file instead of comparing it. */
  readonly write: boolean;
  readonly print: (line: string) => void;
}

/**
 * Proves that published client SDKs work with the broker as base URL, and compares or writes what they send. Returns the exit
 * code: 1 if the file differs. Rejects if an SDK gets no answer.
 */
export async function proveClients({ programs, file, write, print }: ClientProof): Promise<number> {
  const recorded = await runClients(programs);
  const scope = `client SDKs: ${programs.length} through the broker, ${recorded.requests.length} calls`;
  const text = formatText(file, JSON.stringify(recorded, null, 2));
  if (write) {
    writeFileSync(file, text);
    print(`${scope}, written`);
    return 0;
  }
  const isSame = existsSync(file) && readFileSync(file, 'utf8') === text;
  print(`${scope}, ${isSame ? '0 differences' : 'sdk-requests.json differs from what they send'}`);
  return isSame ? 0 : 1;
}

/** The SDKs have a process of their own, without the environment: they may read their options there. */
async function runClients(programs: readonly URL[]): Promise<SdkRequests> {
  const child = fork(
    new URL('run-clients.ts', import.meta.url),
    programs.map(({ href }) => href),
    { execArgv: ['--conditions=@valetkey/source'], env: { TZ: 'UTC' }, silent: true },
  );
  let recorded: unknown;
  let output = '';
  child.once('message', (message) => (recorded = message));
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
  await once(child, 'close');
  if (child.exitCode !== 0 || recorded === undefined) throw new Error(`A client SDK failed.\n${output}`);
  return sdkRequestsSchema.parse(recorded);
}
