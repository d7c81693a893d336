import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createSandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse-config.ts';
import { isProgramAvailable } from '../support/required-program.ts';
import { createVendorGate, heldAtGate } from '../support/vendor-gate.ts';

const run = promisify(execFile);
const command = new URL('../../src/cli/valetkey.ts', import.meta.url).href;
const polling = { interval: 5, timeout: 20_000 };

const page = await readFile(new URL('../../../../docs/deployment.md', import.meta.url), 'utf8');

/** Returns the first code block of a language on the page. */
function blockOf(language: string): string {
  const [, block = ''] = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page) ?? [];
  return block;
}

const unit = blockOf('ini');
const dockerfile = blockOf('dockerfile');

const hasAnalyze = await isProgramAvailable({
  name: 'systemd-analyze',
  probe: () => run('systemd-analyze', ['--version']),
  remediation: 'Install systemd.',
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-deployment-'));
  // Stands for the installed package, which is built only when it is published.
  const installed = join(folder, 'node_modules/@valetkey/broker/dist/cli/valetkey.js');
  await mkdir(dirname(installed), { recursive: true });
  await writeFile(installed, `import ${JSON.stringify(command)};\n`);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
});
afterAll(() => rm(folder, { recursive: true }));

test.each<[string, readonly string[]]>([
  ['sh', blockOf('sh').trim().split(' ')],
  ['systemd', (/^ExecStart=(.+)$/m.exec(unit)?.[1] ?? '').split(' ')],
  ['Dockerfile', JSON.parse(/^CMD (.+)$/m.exec(dockerfile)?.[1] ?? '[]') as string[]],
])('the documented command (%s) serves a call that runs at SIGTERM, and exits with 0', async (_, words) => {
  const apiKey = 'key-of-the-deployment-test';
  const gate = createVendorGate();
  await using sandbox = await createSandbox({ sleep: gate.sleep });
  sandbox.nudge.setApiKeys([apiKey]);
  sandbox.setFaults([{ vendor: 'nudge', fault: heldAtGate }]);
  const config = {
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: { nudge: { baseUrl: sandbox.urls.nudge, apiKey, timeoutMs: 20_000 } },
  };
  await writeFile(join(folder, 'valetkey.config.yaml'), JSON.stringify(config));

  const [program = '', ...parameters] = words.map((word) => word.replace('/opt/valetkey', folder));
  expect(program).toMatch(/^(?:\/usr\/bin\/)?node$/);
  const child = spawn(process.execPath, parameters, {
    cwd: folder,
    env: { PATH: process.env['PATH'], NODE_OPTIONS: '--conditions=@valetkey/source' },
  });
  const ended = once(child, 'exit');
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk));
  child.stdout.resume();
  await expect.poll(() => output, polling).toMatch(/listens on http\S+,/);
  const [, brokerUrl = ''] = /listens on (\S+),/.exec(output) ?? [];

  const authorization = `Bearer ${await sandbox.mintUserToken({ sub: 'alice' })}`;
  const call = fetch(`${brokerUrl}/v1/vendors/nudge/token`, { method: 'POST', headers: { authorization } });
  await expect.poll(() => sandbox.calls()['nudge']?.['GET /api/clients/jwt/token'], polling).toBe(1);
  child.kill('SIGTERM');
  await expect
    .poll(
      () =>
        fetch(`${brokerUrl}/readyz`).then(
          ({ status }) => status,
          () => 'closed',
        ),
      polling,
    )
    .not.toBe(200);
  gate.open();
  expect((await call).status).toBe(200);
  expect(await ended).toEqual([0, null]);
});

test.skipIf(!hasAnalyze)('systemd-analyze finds no fault in the documented unit', async () => {
  const file = join(folder, 'valetkey.service');
  await writeFile(file, unit.replace('/usr/bin/node', process.execPath));
  const { stdout, stderr } = await run('systemd-analyze', ['verify', file]);
  expect([stdout, stderr]).toEqual(['', '']);
});

test('the documented unit waits longer than the broker needs by default', () => {
  const { shutdown } = parseConfig({
    issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }],
    vendors: { nudge: { apiKey: 'a' } },
  });
  const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(unit) ?? [];
  // Two seconds of draining, and five to close what remains.
  expect(Number(seconds) * 1_000).toBeGreaterThan(shutdown.timeoutMs + 7_000);
});

test('the documented Dockerfile has one instruction on each line, runs as another user than root, and uses no shell', () => {
  const instructions = dockerfile.trim().split('\n');
  for (const line of instructions) expect(line).toMatch(/^(?:FROM|WORKDIR|COPY|RUN|USER|EXPOSE|CMD) \S/);
  expect(instructions[0]).toMatch(/^FROM node:\d+-slim$/);
  expect(instructions).toContain('USER node');
  expect(instructions.at(-1)).toMatch(/^CMD \["node", /);
});

test('no page starts the long-running broker through npx', async () => {
  for (const path of ['README.md', 'apps/broker/README.md', 'docs/configuration.md', 'docs/deployment.md']) {
    const text = await readFile(new URL(`../../../../${path}`, import.meta.url), 'utf8');
    expect(text, path).not.toMatch(/npx valetkey start/);
  }
});
