import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox } from '@valetkey/sandbox';
import { Agent, request } from 'undici';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import { commandFile } from './valetkey-process.ts';

/** The admin token of every broker of a deployment. */
export const deploymentAdminToken = 'deployment-admin-token-of-32-characters';
const vitalApiKey = 'sk_us_deployment';

/** The key with which the brokers chain their decisions. */
export const auditKeyText = 'the-key-of-the-audit-of-every-deployment';

/** A broker in a process of its own. */
export interface BrokerProcess {
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Ends the process as a crash does: no call is finished and nothing is closed. */
  readonly kill: () => Promise<void>;
}

/** A broker's response to `POST /v1/vendors/vital/token`. */
export interface IssueResponse {
  readonly status: number;
  readonly requestId: string;
  readonly retryAfter: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Starts a sandbox and returns functions that start `valetkey start` processes with Vital and with a given store. */
export async function startDeployment() {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  const sandbox = await createSandbox({ vital: { apiKeys: [vitalApiKey] } });
  const issuer = sandbox.urls.idp;
  const agent = new Agent({ headersTimeout: 60_000 });
  const running = new Set<ChildProcess>();

  /** Starts a broker. `shell` is a command that runs first in the same process, to set limits. */
  const startBroker = async (store: BrokerConfigInput['store'], shell = ':'): Promise<BrokerProcess> => {
    const config: BrokerConfigInput = {
      listen: { port: 0 },
      admin: { port: 0, token: deploymentAdminToken },
      store,
      audit: { key: auditKeyText },
      log: { level: 'error' },
      issuers: [{ issuer, audiences: ['valetkey'] }],
      vendors: {
        vital: {
          baseUrl: sandbox.urls.vital,
          apiKey: vitalApiKey,
          environment: 'sandbox',
          region: 'us',
          // A thousand concurrent calls are served one after the other, and the machine may be busy.
          timeoutMs: 60_000,
        },
      },
    };
    const file = join(folder, `${running.size}.json`);
    await writeFile(file, JSON.stringify(config));
    const program = [commandFile, 'start', '--config', file];
    const child = spawn('bash', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...program]);
    running.add(child);
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const { url, adminUrl } = await readAddresses(child);
    return {
      url,
      adminUrl,
      pid: child.pid ?? 0,
      kill: async () => {
        child.kill('SIGKILL');
        await exited;
        running.delete(child);
      },
    };
  };

  return {
    folder,
    sandbox,
    issuer,
    startBroker,
    mintToken: (subject: string) => sandbox.mintUserToken({ sub: subject, algorithm: 'ES256' }),
    /** Rejects if the broker ends before it has responded. */
    issueVitalToken: async ({ url }: BrokerProcess, token: string): Promise<IssueResponse> => {
      const { statusCode, headers, body } = await request(`${url}/v1/vendors/vital/token`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        dispatcher: agent,
      });
      return {
        status: statusCode,
        requestId: String(headers['x-request-id']),
        retryAfter: headers['retry-after']?.toString(),
        body: (await body.json()) as IssueResponse['body'],
      };
    },
    close: async () => {
      for (const child of running) child.kill('SIGKILL');
      await agent.destroy();
      await sandbox.close();
      await rm(folder, { recursive: true });
    },
  };
}

export type Deployment = Awaited<ReturnType<typeof startDeployment>>;

function readAddresses(child: ChildProcess): Promise<{ url: string; adminUrl: string }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (chunk: Buffer) => {
      text += chunk;
      const [url, adminUrl] = /listens on/.test(text) ? (text.match(/http:\/\/127\.0\.0\.1:\d+/g) ?? []) : [];
      if (url !== undefined && adminUrl !== undefined) resolve({ url, adminUrl });
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('exit', () => reject(new Error(`The broker ended: ${text}`)));
  });
}
