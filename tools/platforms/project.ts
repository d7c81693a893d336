import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { PackedProject } from '../client-sdk/pack.ts';

/** A project with the packed client SDK (`client-sdk.tgz`) in its `node_modules`. */
export interface Project {
  readonly folder: string;
  /** Writes a file of the project and returns its path. */
  readonly write: (name: string, content: string) => string;
  /** Copies packages of `tools/platforms` into the project's `node_modules`. */
  readonly copy: (...names: readonly string[]) => void;
  /** Runs a program in the project and returns what it printed. Rejects with its output if it fails. */
  readonly run: (program: string, ...programArguments: readonly string[]) => Promise<string>;
}

const require = createRequire(new URL('package.json', import.meta.url));
const execute = promisify(execFile);

/** Returns the folder of a package of `tools/platforms`, or of one on which its package `from` depends. */
export function findProgram(name: string, from = ''): string {
  const resolve = from === '' ? require : createRequire(join(findProgram(from), 'package.json'));
  for (const folder of resolve.resolve.paths(name) ?? []) {
    try {
      return dirname(resolve.resolve(join(folder, name, 'package.json')));
    } catch {
      // The package is in a folder further up.
    }
  }
  throw new Error(`${name} is not installed. Run \`npx -y pnpm@12.18.0 platforms\`.`);
}

/** Returns what the tests do with a packed project. */
export function openProject({ folder }: PackedProject): Project {
  return {
    folder,
    write: (name, content) => {
      const file = join(folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      return file;
    },
    copy: (...names) => {
      for (const name of names) {
        cpSync(findProgram(name), join(folder, 'node_modules', name), { recursive: true, dereference: true });
      }
    },
    run: async (program, ...programArguments) => {
      const { stdout } = await execute(program, programArguments, { cwd: folder });
      return stdout.trim();
    },
  };
}

/** What a broker responds to a request for Nudge's token. */
export const issueResponse = {
  connection: 'nudge',
  vendor: 'nudge',
  server_time: '2030-01-01T00:00:00.000Z',
  expires_at: '2030-01-01T01:00:00.000Z',
  token: 'sandbox-only-token',
};

/** Starts a broker that responds to every request with {@link issueResponse}. */
export async function startBroker(): Promise<{ readonly url: string; readonly close: () => void }> {
  const headers = { 'content-type': 'application/json', 'valet-key': 'broker' };
  const server = createServer((_request, response) =>
    response.writeHead(200, headers).end(JSON.stringify(issueResponse)),
  );
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() };
}
