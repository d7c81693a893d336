import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { runLoad, runLoadsAside, startControlServer, type Load, type Sample } from './open-loop.ts';
import { startValetkey } from './valetkey-process.ts';

const run = promisify(execFile);

/** Milliseconds that the broker waits for either vendor. */
export const hungTimeoutMs = 3_000;

async function readResidentMegabytes(pid: number): Promise<number> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) / 1024;
}

/** Calls to a vendor, and calls to a server that does no work, sent by the same process at the same time. */
export interface Measurement {
  readonly calls: readonly Sample[];
  readonly control: readonly Sample[];
}

/** One connection in the calm phase, while both vendors respond, and while Nabla hangs. */
export interface Phases {
  readonly calm: Measurement;
  readonly hung: Measurement;
}

/** What was measured while Nabla hung. */
export interface HungVendor {
  readonly nudge: Phases;
  readonly nabla: Phases;
  /** By how much the broker's process grew at most, in megabytes. */
  readonly growthMegabytes: number;
}

/**
 * Runs a broker in a process of its own under 500 calls a second to Nabla, which responds at first and then hangs, and
 * measures Nudge meanwhile.
 */
export async function measureHungVendor(): Promise<HungVendor> {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-bulkhead-'));
  await using sandbox = await createSandbox();
  using control = await startControlServer();
  await writeFile(join(folder, 'valetkey.json'), JSON.stringify(configure(sandbox)));
  await using broker = startValetkey(['start', '--config', 'valetkey.json'], folder);
  const [, brokerUrl = ''] = await broker.waitForOutput(/listens on (\S+),/);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const load = (url: string, perSecond: number, durationMs: number): Load => {
    return { url, method: 'POST', token, perSecond, durationMs };
  };
  const urlOf = (vendor: string) => `${brokerUrl}/v1/vendors/${vendor}/token`;
  const measureNudge = async (durationMs: number): Promise<Measurement> => {
    const loads = [load(urlOf('nudge'), 80, durationMs), load(control.url, 80, durationMs)];
    const [calls = [], controlCalls = []] = await Promise.all(loads.map(runLoad));
    return { calls, control: controlCalls };
  };

  // A second and a half to warm up, eight seconds that are calm, and fourteen in which Nabla hangs. The broker stops
  // calling it in the fourth of them.
  const flood = runLoadsAside(load(urlOf('nabla'), 500, 23_500), load(control.url, 80, 23_500));
  await measureNudge(1_500);
  const calmAtMs = Date.now();
  const calm = await measureNudge(8_000);
  const calmMegabytes = await readResidentMegabytes(broker.pid);
  const hungAtMs = Date.now();
  sandbox.setFaults([{ vendor: 'nabla', fault: { type: 'hang' } }]);
  const hungCalls = measureNudge(14_000);
  let maxMegabytes = 0;
  for (let count = 0; count < 56; count += 1) {
    await setTimeout(250);
    maxMegabytes = Math.max(maxMegabytes, await readResidentMegabytes(broker.pid));
  }
  const [[calls = [], controlCalls = []], hung] = await Promise.all([flood, hungCalls]);
  sandbox.setFaults([]);
  broker.signal('SIGKILL');
  await broker.exitCode;
  await rm(folder, { recursive: true });

  const cut = (startMs: number, endMs: number): Measurement => {
    const isWithin = ({ atMs }: Sample) => atMs >= startMs && atMs < endMs;
    return { calls: calls.filter(isWithin), control: controlCalls.filter(isWithin) };
  };
  return {
    nudge: { calm, hung },
    // A call that began just before the fault may have arrived after it.
    nabla: { calm: cut(calmAtMs, hungAtMs - 1_000), hung: cut(hungAtMs - 1_000, Infinity) },
    growthMegabytes: maxMegabytes - calmMegabytes,
  };
}

/** Returns the configuration of the broker. `start` refuses the sandbox's own credentials, so the sandbox accepts others. */
function configure({ urls, nabla, nudge }: Sandbox): object {
  nabla.setServerKeys(['key-of-the-test']);
  nudge.setApiKeys(['key-of-the-test']);
  return {
    listen: { port: 0 },
    admin: { port: 0 },
    log: { level: 'silent' },
    issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
    vendors: {
      nabla: { baseUrl: urls.nabla, serverKey: 'key-of-the-test', timeoutMs: hungTimeoutMs, user: { claim: 'sub' } },
      nudge: { baseUrl: urls.nudge, apiKey: 'key-of-the-test', timeoutMs: hungTimeoutMs },
    },
  };
}
