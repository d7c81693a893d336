import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { percentile, runLoad, type Sample } from './testing/open-loop.ts';
import { startValetkey } from './testing/valetkey-process.ts';

const run = promisify(execFile);
const timeoutMs = 3_000;

const codeOf = ({ body }: Sample): string => {
  const { code = 'served' } = JSON.parse(body) as { code?: string };
  return code;
};

async function residentMegabytes(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) / 1024;
}

test('a vendor that hangs at 500 calls a second slows no other, and what is too much is refused at once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-bulkhead-'));
  await using sandbox = await createSandbox();
  const { urls } = sandbox;
  sandbox.nabla.setServerKeys(['key-of-the-test']);
  sandbox.nudge.setApiKeys(['key-of-the-test']);
  const config = {
    listen: { port: 0 },
    admin: { port: 0 },
    log: { level: 'silent' },
    issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
    vendors: {
      nabla: { baseUrl: urls.nabla, serverKey: 'key-of-the-test', timeoutMs, user: { claim: 'sub' } },
      nudge: { baseUrl: urls.nudge, apiKey: 'key-of-the-test', timeoutMs },
    },
  };
  await writeFile(join(folder, 'valetkey.json'), JSON.stringify(config));
  await using broker = startValetkey(['start', '--config', 'valetkey.json'], folder);
  const [, brokerUrl = ''] = await broker.says(/listens on (\S+),/);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const load = (vendor: string, perSecond: number, durationMs: number) =>
    runLoad({ url: `${brokerUrl}/v1/vendors/${vendor}/token`, method: 'POST', token, perSecond, durationMs });

  await load('nudge', 50, 500);
  await load('nabla', 50, 500);
  const calm = await load('nudge', 80, 2_000);
  const calmMegabytes = await residentMegabytes(broker.pid);

  sandbox.setFaults([{ vendor: 'nabla', fault: { type: 'hang' } }]);
  let peakMegabytes = 0;
  const hung = load('nabla', 500, 4_000);
  const beside = load('nudge', 80, 4_000);
  for (let count = 0; count < 16; count += 1) {
    await setTimeout(250);
    peakMegabytes = Math.max(peakMegabytes, await residentMegabytes(broker.pid));
  }
  const [lost, others] = await Promise.all([hung, beside]);

  const refused = lost.filter(({ elapsedMs }) => elapsedMs < timeoutMs / 2);
  const measured = {
    calmP99Ms: Math.round(percentile(calm, 0.99)),
    besideP99Ms: Math.round(percentile(others, 0.99)),
    refused: refused.length,
    refusedP50Ms: Math.round(percentile(refused, 0.5)),
    refusedP99Ms: Math.round(percentile(refused, 0.99)),
    slowestMs: Math.round(percentile(lost, 1)),
    megabytes: [Math.round(calmMegabytes), Math.round(peakMegabytes)],
  };

  expect(new Set([...calm, ...others].map(({ status }) => status))).toEqual(new Set([200]));
  // Machines are shared: below a quarter of a second nothing is said about the vendor that hangs.
  expect(measured.besideP99Ms).toBeLessThan(Math.max(2 * measured.calmP99Ms, 250));
  expect([...new Set(lost.map(codeOf))].toSorted()).toEqual(['overloaded', 'vendor_timeout', 'vendor_unavailable']);
  expect(refused.length).toBeGreaterThan(100);
  expect(measured.refusedP50Ms).toBeLessThan(50);
  expect(measured.slowestMs).toBeLessThan(timeoutMs * 1.1 + 1_000);
  expect(peakMegabytes - calmMegabytes).toBeLessThan(150);

  sandbox.setFaults([]);
  broker.signal('SIGKILL');
  await broker.ended;
  await rm(folder, { recursive: true });
}, 60_000);
