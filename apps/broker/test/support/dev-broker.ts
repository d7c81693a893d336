import { pino } from 'pino';
import { startDev } from '../../src/cli/dev.ts';
import type { Decision } from '../../src/storage/audit-store.ts';

/**
 * Starts the broker and the sandbox of `valetkey dev` on free ports. Tests reach both over HTTP, as callers do. The broker waits
 * `vendorTimeoutMs` for a vendor; the default is longer than a busy machine needs.
 */
export async function startDevBroker(vendorTimeoutMs = 120_000) {
  const decisions: Decision[] = [];
  const dev = await startDev({
    port: 0,
    adminPort: 0,
    sandboxPort: 0,
    dataFolder: ':memory:',
    vendorTimeoutMs,
    logger: pino({ level: 'silent' }),
    onDecision: (decision) => decisions.push(decision),
  });
  const { brokerUrl, sandboxUrl } = dev;

  const callSandbox = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(sandboxUrl + path, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`The sandbox responded ${response.status} to ${method} ${path}.`);
    return (await response.json().catch(() => ({}))) as Record<string, unknown>;
  };

  return {
    ...dev,
    /** Every decision so far, oldest first. */
    decisions,
    callSandbox,
    /** Returns an app user's token of the simulated OpenID provider. */
    mintToken: async (claims: Record<string, unknown>) =>
      (await callSandbox('POST', '/idp/dev-token', claims))['access_token'] as string,
    /** Returns an app user's token of the simulated Authgear. */
    mintAuthgearToken: async (claims: Record<string, unknown>) =>
      (await callSandbox('POST', '/authgear/dev-session', claims))['access_token'] as string,
    /** Returns how often each route of one simulated service was called. */
    countCalls: async (service: string) =>
      ((await callSandbox('GET', '/_calls'))[service] ?? {}) as Readonly<Record<string, number>>,
    call: (path: string, token?: string, init: RequestInit = {}) =>
      fetch(brokerUrl + path, {
        ...init,
        headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
      }),
    issue: (connection: string, token: string, init: RequestInit = {}) =>
      fetch(`${brokerUrl}/v1/vendors/${connection}/token`, {
        method: 'POST',
        ...init,
        headers: { authorization: `Bearer ${token}`, ...init.headers },
      }),
  };
}

export type DevBroker = Awaited<ReturnType<typeof startDevBroker>>;

/** Returns the JSON object of a response. */
export const readJson = async (response: Response) => (await response.json()) as Record<string, unknown>;
