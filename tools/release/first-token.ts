import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Project } from './projects.ts';

/** Runs the command of the broker's README without a project, and the two commands that it prints. Returns the fields of the token. */
export async function getFirstToken({ folder, environment }: Project, checkout: string): Promise<string> {
  const readme = readFileSync(join(checkout, 'apps/broker/README.md'), 'utf8');
  const [, command] = /^(npx -y .* valetkey dev)$/m.exec(readme) ?? [];
  assert(command !== undefined, 'The README of the broker has no command that runs without a project.');
  // On free ports, because others may be in use here. A process group of its own: npx has children.
  const [program = '', ...parameters] = `${command} --port 0 --admin-port 0 --sandbox-port 0`.split(' ');
  const child = spawn(program, parameters, { cwd: folder, env: environment, detached: true });
  // The broker that npx started has ended, too, when nothing can write to these pipes any more.
  const closed = once(child, 'close');
  try {
    const printed = await new Promise<string>((resolve, reject) => {
      let text = '';
      const read = (chunk: Buffer) => {
        text += chunk;
        if (text.includes('Ctrl-C')) resolve(text);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', () => reject(new Error(`${command} ended: ${text}`)));
    });
    const commands = [...printed.matchAll(/^ {2}(curl .*)$/gm)].map(([, line = '']) => line);
    assert.equal(commands.length, 2, printed);
    const outputs = commands.map((line) =>
      execFileSync('sh', ['-c', `${line} 2> /dev/null`], { cwd: folder, encoding: 'utf8' }),
    );
    const token = JSON.parse(outputs[1] ?? '') as Record<string, unknown>;
    assert.equal(token['vendor_user_id'], 'alice');
    return Object.keys(token).join(', ');
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    await closed;
  }
}
