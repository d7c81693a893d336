import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createSandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { drainMs, maxCloseMs } from '../../src/cli/shutdown.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { isProgramAvailable } from '../support/required-program.ts';
import { createVendorGate, heldAtGate } from '../support/vendor-gate.ts';

const run = promisify(execFile);
const source = new URL('../../src/cli/valetkey.ts', import.meta.url).href;
// A process that starts from the source may need long on a busy machine.
const polling = { interval: 5, timeout: 100_000 };

const read = (path: string) => readFile(new URL(`../../../../${path}`, import.meta.url), 'utf8');
const page = await read('docs/deploy.md');

/** Returns the first code block of a language on the page. */
function blockOf(language: string): string {
  const [, block = ''] = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(page) ?? [];
  return block;
}

const unit = await read('deploy/systemd/valetkey.service');
const [command = ''] = /^node node_modules.*$/m.exec(page) ?? [];
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
  await writeFile(installed, `import ${JSON.stringify(source)};\n`);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
});
afterAll(() => rm(folder, { recursive: true }));

test.each<[string, readonly string[]]>([
  ['sh', command.split(' ')],
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

  const [program = '', ...parameters] = words.map((word) => word.replace(/\/(?:opt|etc)\/valetkey/, folder));
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

/** Writes the unit with the `node` of this machine, which systemd-analyze looks for. */
async function writeUnit(text = unit): Promise<string> {
  const file = join(folder, 'valetkey.service');
  await writeFile(file, text.replace('/usr/bin/node', process.execPath));
  return file;
}

test('the unit allows no core dump, which would have every secret', () => {
  expect(unit).toMatch(/^LimitCORE=0$/m);
});

test.skipIf(!hasAnalyze)('systemd-analyze finds no fault in the unit', async () => {
  const { stdout, stderr } = await run('systemd-analyze', ['verify', await writeUnit()]);
  expect([stdout, stderr]).toEqual(['', '']);
});

test.skipIf(!hasAnalyze)(
  'systemd-analyze rates the exposure of the unit as OK, and one without its hardening as more',
  async () => {
    // The exposure times ten: "OK" ends at 2.0, and 1.5 leaves room for the checks of other versions of systemd.
    const rate = async (text: string) =>
      run('systemd-analyze', ['security', '--offline=yes', '--no-pager', '--threshold=15', await writeUnit(text)]);
    await rate(unit);
    const open = unit.replace(/# What the broker does not need\.[^]*(?=\n\[Install\])/, '');
    await expect(rate(open)).rejects.toThrow('Command failed');
  },
);

const unitValues = (name: string) =>
  [...unit.matchAll(new RegExp(`^${name}=(.+)$`, 'gm'))].map(([, value = '']) => value);

test('the unit waits longer than its broker needs, and each credential is a secret of its configuration', async () => {
  const text = await read('deploy/systemd/valetkey.config.yaml');
  const secrets = [...text.matchAll(/\$\{file:\/run\/credentials\/valetkey\.service\/(\w+)\}/g)].map(
    ([, name]) => name,
  );
  const loaded = unitValues('LoadCredential').map((value) => value.split(':')[0]);
  expect(loaded.toSorted()).toEqual(secrets.toSorted());
  const { shutdown, store } = parseConfig(
    parse(text.replaceAll(/\$\{file:\S+\}/g, 'a-secret-of-32-characters-or-more')),
  );
  const [seconds = ''] = unitValues('TimeoutStopSec');
  expect(Number(seconds) * 1_000).toBeGreaterThanOrEqual(drainMs + shutdown.timeoutMs + maxCloseMs + 5_000);
  // The folder that StateDirectory creates.
  expect(store).toMatchObject({ sqlite: `/var/lib/${unitValues('StateDirectory')[0]}/valetkey.sqlite` });
  expect(page).toContain(`77 s in this unit`.replace('77', seconds));
});

test('the unit does not wait for a notification that Node cannot send, and reloads by SIGHUP', () => {
  expect(unitValues('Type')).toEqual(['exec']);
  expect(unitValues('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID']);
});

test('the documented Dockerfile has one instruction on each line, runs as another user than root, and uses no shell', () => {
  const instructions = dockerfile.trim().split('\n');
  for (const line of instructions) expect(line).toMatch(/^(?:FROM|WORKDIR|COPY|RUN|USER|EXPOSE|CMD) \S/);
  expect(instructions[0]).toMatch(/^FROM node:\d+-slim$/);
  expect(instructions).toContain('USER node');
  expect(instructions.at(-1)).toMatch(/^CMD \["node", /);
});

test('no page starts the long-running broker through npx', async () => {
  for (const path of ['README.md', 'apps/broker/README.md', 'docs/configuration.md', 'docs/deploy.md']) {
    const text = await readFile(new URL(`../../../../${path}`, import.meta.url), 'utf8');
    expect(text, path).not.toMatch(/npx valetkey start/);
  }
});
