import type { ExchangedToken, IssueAbility, TokenBinding } from '@valetkey/core-types';
import { z } from 'zod';

/**
 * Declares that token exchange returns this field of a client token as a bearer access token (RFC 8693 section 3).
 */
export function bearerToken(field: string): ExchangedToken {
  return { field, issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token', tokenType: 'Bearer' };
}

/** An ability to issue, as a vendor declares it. Default of `parameters`: a body without fields. */
export type IssueDeclaration<Binding extends TokenBinding, Parameters> = Omit<
  IssueAbility<Binding, Parameters>,
  'bound' | 'parameters'
> &
  Partial<Pick<IssueAbility<Binding, Parameters>, 'parameters'>>;

type NoParameters = Readonly<Record<string, never>>;

/**
 * Declares that the vendor issues tokens bound to a user. `issue` receives the principal's user id at the vendor, and the
 * parameters as `parameters` parsed them. The broker never caches such a token.
 *
 * @example
 * ```ts
 * issue: issueForUser({
 *   async issue({ vendorUserId, signal, caller }) {
 *     const { token, expiresInSeconds } = await client.createToken(vendorUserId, { signal, caller });
 *     return { fields: { token }, expiresInSeconds };
 *   },
 * }),
 * ```
 */
export function issueForUser<Parameters extends object = NoParameters>(
  declared: IssueDeclaration<'user', Parameters>,
): IssueAbility<'user'> {
  return toAbility('user', declared);
}

/**
 * Declares that the vendor issues tokens bound to the company's account. With `cache`, the broker returns one token to
 * several users.
 *
 * @example
 * ```ts
 * issue: issueForAccount({
 *   plainTextField: 'token',
 *   parameters: z.strictObject({ minutes: z.int().min(1).max(60).default(60) }),
 *   async issue({ parameters, signal, caller }) {
 *     const { token } = await client.getToken({ minutes: parameters.minutes, signal, caller });
 *     return { fields: { token }, expiresInSeconds: parameters.minutes * 60 };
 *   },
 * }),
 * ```
 */
export function issueForAccount<Parameters extends object = NoParameters>(
  declared: IssueDeclaration<'account', Parameters>,
): IssueAbility<'account'> {
  return toAbility('account', declared);
}

/** The broker parses the parameters with the ability's own schema, so that only the ability has to know their type. */
function toAbility<Binding extends TokenBinding, Parameters extends object>(
  bound: Binding,
  declared: IssueDeclaration<Binding, Parameters>,
): IssueAbility<Binding> {
  return { parameters: z.strictObject({}), ...declared, bound } as unknown as IssueAbility<Binding>;
}
