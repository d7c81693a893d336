import { Secret, type ServerToken, type TokenKey } from '@valetkey/core-types';

export const nymblKey: TokenKey = Object.freeze({
  vendor: 'nymbl',
  client: 'client-1',
  scope: 'nymbl-customer-api/acme',
  secretVersion: '1',
});

/** Returns a server token like the tokens of an adapter. `expiresIn` may be any value that a vendor may send. */
export function serverToken(secret: string, expiresIn?: unknown): ServerToken {
  return { kind: 'server', vendor: 'nymbl', secret: new Secret(secret), expiresInSeconds: expiresIn as number };
}

/** Returns the secret of the token that a call resolves to. */
export async function secretOf(token: Promise<ServerToken>): Promise<string> {
  return (await token).secret.reveal();
}

/** Creates an `issue` function that counts its calls. It resolves to `token-1`, `token-2` and so on. */
export function createCountingIssue(expiresIn: unknown = 300) {
  const issue = Object.assign(
    async (): Promise<ServerToken> => {
      issue.calls += 1;
      return serverToken(`token-${issue.calls}`, expiresIn);
    },
    { calls: 0 },
  );
  return issue;
}

interface PendingIssue {
  readonly resolve: (token: ServerToken) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** Creates an `issue` function whose promises the test resolves or rejects, through `pending`. */
export function createManualIssue() {
  const pending: PendingIssue[] = [];
  const issue = ({ signal }: { signal: AbortSignal }): Promise<ServerToken> =>
    new Promise((resolve, reject) => void pending.push({ resolve, reject, signal }));
  return { issue, pending };
}
