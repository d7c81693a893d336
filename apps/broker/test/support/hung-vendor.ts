import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { runLoad, runLoadsInOtherProcess, type Load, type Sample } from './open-loop.ts';
import { startValetkey } from './valetkey-process.ts';

const run = promisify(execFile);

/** Milliseconds that the brokers wait for a vendor. */
export const hungTimeoutMs = 5_000;

/** The calls to one broker. */
export interface Measurement {
  readonly nabla: readonly Sample[];
  readonly nudge: readonly Sample[];
}

/** The results of two brokers under the same load at the same time. A busy machine delays both. */
export interface HungVendor {
  /** The broker whose Nabla hangs. */
  readonly hung: Measurement;
  /** The broker whose vendors respond. */
  readonly calm: Measurement;
  /** The megabytes by which the process of the broker `hung` grew at most. */
  readonly growthMegabytes: number;
}

/**
 * Runs two brokers, each in a process of its own and under 250 calls a second to Nabla. Makes the Nabla of one broker hang,
 * and measures both brokers.
 */
export async function measureHungVendor(): Promise<HungVendor> {
  await using hungBroker = await startBroker();
  await using calmBroker = await startBroker();
  const brokers = [hungBroker, calmBroker];
  const measure = async (durationMs: number): Promise<[Measurement, Measurement]> => {
    // The calls to Nabla come from another process, so that they do not delay the measurements of this process.
    const flood = runLoadsInOtherProcess(...brokers.map(({ loadOn }) => loadOn('nabla', 250, durationMs)));
    const samples = await Promise.all(brokers.map(({ loadOn }) => runLoad(loadOn('nudge', 80, durationMs))));
    const [[hungNabla = [], calmNabla = []], [hungNudge = [], calmNudge = []]] = [await flood, samples];
    return [
      { nabla: hungNabla, nudge: hungNudge },
      { nabla: calmNabla, nudge: calmNudge },
    ];
  };

  await measure(2_000);
  const before = await hungBroker.readMegabytes();
  hungBroker.sandbox.setFaults([{ vendor: 'nabla', fault: { type: 'hang' } }]);
  const ended = new AbortController();
  const measured = measure(18_000).finally(() => ended.abort());
  let maxMegabytes = before;
  while (!ended.signal.aborted) {
    await setTimeout(250);
    maxMegabytes = Math.max(maxMegabytes, await hungBroker.readMegabytes());
  }
  const [hung, calm] = await measured;
  return { hung, calm, growthMegabytes: maxMegabytes - before };
}

/** Starts `valetkey start` with a sandbox of its own. */
async function startBroker() {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-bulkhead-'));
  const sandbox = await createSandbox();
  await writeFile(join(folder, 'valetkey.json'), JSON.stringify(createConfig(sandbox)));
  const broker = startValetkey(['start', '--config', 'valetkey.json'], folder);
  const [, url = ''] = await broker.waitForOutput(/listens on (\S+),/);
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  return {
    sandbox,
    loadOn: (vendor: string, perSecond: number, durationMs: number): Load => {
      return { url: `${url}/v1/vendors/${vendor}/token`, method: 'POST', token, perSecond, durationMs };
    },
    readMegabytes: async (): Promise<number> => {
      const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(broker.pid)]);
      return Number(stdout) / 1024;
    },
    [Symbol.asyncDispose]: async () => {
      broker.signal('SIGKILL');
      await broker.exitCode;
      await sandbox.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Returns a broker's configuration. `start` refuses the sandbox's own credentials, so the sandbox is set to accept others. */
function createConfig({ urls, nabla, nudge }: Sandbox): object {
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
