import { spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from './free-port.ts';
import { isProgramAvailable } from './required-program.ts';

// Debian installs the program into a folder that is not in every user's PATH.
const environment = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };

export async function isPgBouncerAvailable(): Promise<boolean> {
  return isProgramAvailable({
    name: 'PgBouncer',
    probe: () => {
      const { error } = spawnSync('pgbouncer', ['--version'], { env: environment });
      if (error !== undefined) throw error;
    },
    remediation: 'Install the package pgbouncer.',
  });
}

/** Starts PgBouncer with its default settings (and few connections, where its clients share them) before the database of a URL, and returns the URL that leads through it. */
export async function startPgBouncer(databaseUrl: string, poolMode: 'session' | 'transaction' | 'statement') {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-pgbouncer-'));
  await chmod(folder, 0o755);
  const port = await findFreePort();
  const target = new URL(databaseUrl);
  const login = [
    `host=${target.hostname} port=${target.port || '5432'} dbname=${target.pathname.slice(1)}`,
    `user=${target.username}${target.password === '' ? '' : ` password=${decodeURIComponent(target.password)}`}`,
  ].join(' ');
  const file = join(folder, 'pgbouncer.ini');
  await writeFile(
    file,
    `[databases]
pooled = ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${poolMode}
default_pool_size = ${poolMode === 'session' ? 20 : 3}
`,
  );
  // PgBouncer refuses to run as root.
  const asNobody = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn('pgbouncer', [...asNobody, file], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk;
      if (output.includes('process up')) resolve();
    });
    child.once('exit', () => reject(new Error(`PgBouncer ended: ${output}`)));
  });
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  url.pathname = '/pooled';
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true });
    },
  };
}
