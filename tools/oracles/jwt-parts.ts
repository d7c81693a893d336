import type { FixtureCase } from '../../packages/vendor-clients/src/testing/oracle-fixtures.ts';

type JwtParts = Extract<FixtureCase, { jwt: unknown }>['jwt'];

/** Returns the JSON texts of a JWT. `signature` says whether its signature is the same in every run. */
export function splitJwt(token: string, { signature: isStable }: { readonly signature: boolean }): JwtParts {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    throw new Error('The SDK returned a text that is no JWT.');
  }
  const decode = (part: string) => Buffer.from(part, 'base64url').toString('utf8');
  return { header: decode(header), payload: decode(payload), ...(isStable ? { signature } : {}) };
}
