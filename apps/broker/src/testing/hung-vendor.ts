import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createSandbox } from '@valetkey/sandbox';
import { percentile, runLoad, type Sample } from './open-loop.ts';
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
  /** The other vendor's calls in calm, and beside the one that hung. */
  readonly calm: readonly Sample[];
  readonly beside: readonly Sample[];
  /** The calls to the vendor that hung, and those of them that were refused at once. */
  readonly lost: readonly Sample[];
  readonly refused: readonly Sample[];
  readonly codes: readonly string[];
  readonly slowestMs: number;
  /** What the broker's process grew by. */
  readonly megabytes: number;
}

/** Runs a broker in a process of its own, lets Nabla hang at 500 calls a second, and looks at Nudge meanwhile. */
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
  const near = load('nudge', 80, 4_000);
  for (let count = 0; count < 16; count += 1) {
    await setTimeout(250);
    peakMegabytes = Math.max(peakMegabytes, await residentMegabytes(broker.pid));
  }
  const [lost, beside] = await Promise.all([hung, near]);

  const refused = lost.filter(({ elapsedMs }) => elapsedMs < hungTimeoutMs / 2);
  sandbox.setFaults([]);
  broker.signal('SIGKILL');
  await broker.ended;
  await rm(folder, { recursive: true });
  return {
    calm,
    beside,
    lost,
    refused,
    codes: [...new Set(lost.map(codeOf))].toSorted(),
    slowestMs: percentile(lost, 1),
    megabytes: peakMegabytes - calmMegabytes,
  };
}
