import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createSandbox } from '@valetkey/sandbox';
import { percentile, runLoad, runLoadsAside, undisturbed, type Load, type Sample } from './open-loop.ts';
import { startValetkey } from './valetkey-process.ts';

const run = promisify(execFile);
/** How long the broker waits for either vendor. */
export const hungTimeoutMs = 3_000;

const codeOf = ({ body }: Sample): string => {
  const { code = 'served' } = JSON.parse(body) as { code?: string };
  return code;
};

async function residentMegabytes(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) / 1024;
}

/** What came of it. */
export interface HungVendor {
  /** The other vendor's calls while both were well, and beside the one that hung. */
  readonly calm: readonly Sample[];
  readonly beside: readonly Sample[];
  /** The calls to the vendor that hung which were refused at once. */
  readonly refused: readonly Sample[];
  /** What all calls to it came to, and the time of the slowest. */
  readonly codes: readonly string[];
  readonly slowestMs: number;
  /** What the broker's process grew by. */
  readonly megabytes: number;
}

/**
 * Runs a broker in a process of its own under 500 calls a second to Nabla, which is well at first and then hangs, and
 * looks at Nudge meanwhile.
 */
export async function letVendorHang(): Promise<HungVendor> {
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
      nabla: { baseUrl: urls.nabla, serverKey: 'key-of-the-test', timeoutMs: hungTimeoutMs, user: { claim: 'sub' } },
      nudge: { baseUrl: urls.nudge, apiKey: 'key-of-the-test', timeoutMs: hungTimeoutMs },
    },
  };
  await writeFile(join(folder, 'valetkey.json'), JSON.stringify(config));
  await using broker = startValetkey(['start', '--config', 'valetkey.json'], folder);
  const [, brokerUrl = ''] = await broker.waitForOutput(/listens on (\S+),/);
  const control = fork(new URL('control-server.ts', import.meta.url), { execArgv: [] });
  const [controlPort] = (await once(control, 'message')) as [number];
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const loadOn = (vendor: string, perSecond: number, durationMs: number): Load => {
    return { url: `${brokerUrl}/v1/vendors/${vendor}/token`, method: 'POST', token, perSecond, durationMs };
  };

  // A second to warm up, eight in which all is well, and fourteen in which Nabla hangs: it is given up in the fourth.
  const loadOnControl = (durationMs: number): Load => {
    return { url: `http://127.0.0.1:${controlPort}/`, method: 'POST', token, perSecond: 80, durationMs };
  };
  const flood = runLoadsAside(loadOn('nabla', 500, 23_500), loadOnControl(23_500));
  await runLoad(loadOn('nudge', 80, 1_500));
  const controlCalls = runLoad(loadOnControl(22_000));
  const calm = await runLoad(loadOn('nudge', 80, 8_000));
  const calmMegabytes = await residentMegabytes(broker.pid);
  sandbox.setFaults([{ vendor: 'nabla', fault: { type: 'hang' } }]);
  const besideCalls = runLoad(loadOn('nudge', 80, 14_000));
  let peakMegabytes = 0;
  for (let count = 0; count < 56; count += 1) {
    await setTimeout(250);
    peakMegabytes = Math.max(peakMegabytes, await residentMegabytes(broker.pid));
  }
  const [[flooded = [], floodControlled = []], beside, controlled] = await Promise.all([
    flood,
    besideCalls,
    controlCalls,
  ]);
  control.disconnect();

  const lost = flooded.filter(({ status }) => status !== 200);
  const refused = lost.filter((sample) => codeOf(sample) === 'overloaded' && sample.elapsedMs < hungTimeoutMs / 2);
  sandbox.setFaults([]);
  broker.signal('SIGKILL');
  await broker.exitCode;
  await rm(folder, { recursive: true });
  return {
    calm: undisturbed(calm, controlled),
    beside: undisturbed(beside, controlled),
    refused: undisturbed(refused, floodControlled),
    codes: [...new Set(lost.map(codeOf))].toSorted(),
    slowestMs: percentile(lost, 1),
    megabytes: peakMegabytes - calmMegabytes,
  };
}
