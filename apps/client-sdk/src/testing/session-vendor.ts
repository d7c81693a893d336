import type { SessionTokens, SessionVendor } from '../session/session-types.ts';
import { ValetError } from '../errors/valet-error.ts';

/** Lets everything run that waits for no clock. */
export async function settleAll(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
}

/**
 * Creates a vendor with strict rotation: a refresh token works once. Access tokens are valid for 100 seconds. A ticket is
 * `ticket-of-` with a name.
 */
export function createFakeVendor() {
  const requests: string[] = [];
  const revoked: string[] = [];
  const users = new Map<string, string>();
  const failures: unknown[] = [];
  let count = 0;
  let gate: Promise<void> = Promise.resolve();

  function issue(user: string): SessionTokens {
    count += 1;
    users.set(`refresh-${count}`, user);
    return {
      accessToken: `access-${count}`,
      refreshToken: `refresh-${count}`,
      expiresInSeconds: 100,
      details: { user },
    };
  }
  async function respond(request: string, find: () => string | undefined): Promise<SessionTokens> {
    requests.push(request);
    const failure = failures.shift();
    const user = failure === undefined ? find() : undefined;
    const tokens = user === undefined ? undefined : issue(user);
    await gate;
    if (failure !== undefined) throw failure;
    if (tokens === undefined) throw new ValetError('signed_out', 'The vendor has ended the session.');
    return tokens;
  }

  const vendor: SessionVendor<string> = {
    name: 'acme',
    exchange: (ticket) => respond(`exchange ${ticket}`, () => ticket.replace('ticket-of-', '')),
    refresh: ({ refreshToken }) =>
      respond(`refresh ${refreshToken}`, () => {
        const user = users.get(refreshToken);
        users.delete(refreshToken);
        return user;
      }),
    revoke: async ({ refreshToken = '' }) => {
      revoked.push(refreshToken);
      users.delete(refreshToken);
    },
  };
  return {
    vendor,
    requests,
    revoked,
    /** Ends all sessions at the vendor. */
    endAll: () => users.clear(),
    /** Makes the next request fail. */
    fail: (...errors: readonly unknown[]) => void failures.push(...errors),
    /** Holds responses back until the returned function is called. */
    hold: () => {
      let release: () => void = () => undefined;
      gate = new Promise((resolve) => {
        release = resolve;
      });
      return () => release();
    },
  };
}
