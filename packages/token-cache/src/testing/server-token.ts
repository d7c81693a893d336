import { Secret, type ServerToken, type TokenKey } from '@valetkey/core-types';

export const nymblKey: TokenKey = Object.freeze({
  vendor: 'nymbl',
  client: 'client-1',
  scope: 'nymbl-customer-api/acme',
  secretVersion: '1',
});

/** Returns a server token as an adapter issues it. `expiresIn` may be anything that a vendor sends. */
export function serverToken(text: string, expiresIn?: unknown): ServerToken {
  return { kind: 'server', vendor: 'nymbl', secret: new Secret(text), expiresInSeconds: expiresIn as number };
}

/** Returns the text of the token that a call resolves to. */
export async function textOf(token: Promise<ServerToken>): Promise<string> {
  return (await token).secret.reveal();
}

/** Creates an issue that counts its calls and resolves to `token-1`, `token-2` and so on. */
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

/** Creates an issue whose calls the test settles. */
export function createManualIssue() {
  const pending: PendingIssue[] = [];
  const issue = ({ signal }: { signal: AbortSignal }): Promise<ServerToken> =>
    new Promise((resolve, reject) => void pending.push({ resolve, reject, signal }));
  return { issue, pending };
}
