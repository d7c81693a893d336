import { Secret, type ServerToken, type TokenKey } from '@valetkey/core-types';

export const nymblKey: TokenKey = Object.freeze({
  vendor: 'nymbl',
  client: 'client-1',
  scope: 'nymbl-customer-api/acme',
  secretVersion: '1',
});

/** A server token as an adapter issues it; `expiresIn` may be any nonsense that a vendor says. */
export const serverToken = (text: string, expiresIn?: unknown): ServerToken => ({
  kind: 'server',
  vendor: 'nymbl',
  secret: new Secret(text),
  expiresInSeconds: expiresIn as number,
});

/** An issue that counts its calls and answers `token-1`, `token-2` and so on. */
export const countingIssue = (expiresIn: unknown = 300) => {
  const issue = Object.assign(
    async (): Promise<ServerToken> => {
      issue.calls += 1;
      return serverToken(`token-${issue.calls}`, expiresIn);
    },
    { calls: 0 },
  );
  return issue;
};
