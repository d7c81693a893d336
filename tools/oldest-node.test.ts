import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { arePlatformsInstalled } from './platforms/platforms.ts';
import { findProgram } from './platforms/project.ts';
import { removeTemporaryFolder, root } from './workspace.ts';

const { engines } = JSON.parse(readFileSync(join(root, 'apps/broker/package.json'), 'utf8')) as {
  engines: { node: string };
};
const version = engines.node.replace('>=', '');

/** Writes a configuration whose broker needs no other server, and returns its path. */
function writeConfig(folder: string): string {
  const path = join(folder, 'valetkey.json');
  const config = {
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: join(folder, 'valetkey.sqlite') },
    audit: { key: 'a'.repeat(44) },
    issuers: [{ issuer: 'https://id.example.com', audiences: ['app'], jwksUri: 'http://127.0.0.1:9/jwks' }],
    vendors: { nabla: { serverKey: 'server_canary', user: { claim: 'nabla_patient_id' } } },
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

test.skipIf(!arePlatformsInstalled())(
  `the broker starts, responds and stops in Node ${version}, the oldest version that it supports`,
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'valetkey-'));
    onTestFinished(() => removeTemporaryFolder(folder));
    const node = join(findProgram(`node-${version}`), 'bin/node');
    const command = ['--conditions=@valetkey/source', 'apps/broker/src/cli/command.ts', 'start', '--config'];
    const broker = spawn(node, [...command, writeConfig(folder)], { cwd: root });
    onTestFinished(() => void broker.kill('SIGKILL'));
    let output = `${(await once(spawn(node, ['--version']).stdout, 'data'))[0]}`;
    expect(output).toMatch(`v${version}.`);
    const exited = once(broker, 'exit');
    broker.stderr.on('data', (chunk) => (output += chunk));
    broker.stdout.on('data', (chunk) => (output += chunk));
    const address = /listens on (http:\/\/127\.0\.0\.1:\d+)/;
    await expect
      .poll(() => address.test(output) || broker.exitCode !== null, {
        timeout: 100_000,
        message: 'the broker listens or ends',
      })
      .toBe(true);
    const url = address.exec(output)?.[1];
    expect(url, output).toBeDefined();
    const response = await fetch(`${url}/v1/session`, { headers: { authorization: 'Bearer a.b.c' } });
    expect(response.status).toBe(401);
    expect(response.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
    broker.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
  },
);
