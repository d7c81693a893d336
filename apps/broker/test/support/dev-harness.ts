import { startDev, type DevOptions } from '../../src/cli/dev.ts';
import type { Decision } from '../../src/storage/store.ts';

/** A running broker and sandbox on free ports, reached as a caller reaches them: over HTTP. */
export async function startHarness(options: Pick<DevOptions, 'logger' | 'dataFolder'> = {}) {
  const decisions: Decision[] = [];
  const dev = await startDev({
    port: 0,
    adminPort: 0,
    sandboxPort: 0,
    dataFolder: ':memory:',
    ...options,
    onDecision: (decision) => decisions.push(decision),
  });
  const { brokerUrl, sandboxUrl } = dev;

  const sandbox = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(sandboxUrl + path, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`sandbox: ${method} ${path} answered ${response.status}`);
    return (await response.json().catch(() => ({}))) as Record<string, unknown>;
  };

  return {
    ...dev,
    decisions,
    sandbox,
    /** An app user's token from the sandbox's identity provider. */
    mintToken: async (claims: Record<string, unknown>) =>
      (await sandbox('POST', '/idp/dev-token', claims))['access_token'] as string,
    /** How often each route of one simulated vendor was called. */
    callsOf: async (vendor: string) =>
      ((await sandbox('GET', '/_calls'))[vendor] ?? {}) as Readonly<Record<string, number>>,
    call: (path: string, token?: string, init: RequestInit = {}) =>
      fetch(brokerUrl + path, {
        ...init,
        headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
      }),
    issue: (vendor: string, token: string, init: RequestInit = {}) =>
      fetch(`${brokerUrl}/v1/vendors/${vendor}/token`, {
        method: 'POST',
        ...init,
        headers: { authorization: `Bearer ${token}`, ...init.headers },
      }),
  };
}

export type Harness = Awaited<ReturnType<typeof startHarness>>;

/** The JSON of an answer, for assertions. */
export const jsonOf = async (response: Response) => (await response.json()) as Record<string, unknown>;
