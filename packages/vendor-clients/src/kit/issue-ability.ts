import type { ClientToken, ExchangedToken, IssueAbility, IssueRequest, TokenBinding } from '@valetkey/core-types';
import { z } from 'zod';

/**
 * Declares that token exchange returns this field of a client token as a bearer access token (RFC 8693 section 3).
 */
export function bearerToken(field: string): ExchangedToken {
  return { field, issuedTokenType: 'urn:ietf:params:oauth:token-type:access_token', tokenType: 'Bearer' };
}

/** A token that the vendor issued. */
export interface IssuedToken {
  /** The fields of the response, under the vendor's own names. */
  readonly fields: ClientToken['fields'];
  /** Seconds until the token expires, counted from receipt. */
  readonly expiresInSeconds?: number | undefined;
}

/** An ability to issue, as a vendor declares it. */
export type IssueDeclaration<Binding extends TokenBinding, Parameters> = Pick<
  IssueAbility<Binding, Parameters>,
  'cache' | 'exchange' | 'lifetime' | 'plainTextField'
> & {
  /** Parses the body of an issue request. It must refuse unknown fields. Default: a body without fields. */
  readonly parameters?: z.ZodType<Parameters> | undefined;
  issue(request: IssueRequest<Binding, Parameters>): Promise<IssuedToken>;
};

/** An ability that `defineVendor` completes with the vendor's id. */
export type BindIssueAbility<Binding extends TokenBinding = TokenBinding> = (vendorId: string) => IssueAbility<Binding>;

type NoParameters = Readonly<Record<string, never>>;

const noParameters: z.ZodType<object> = z.strictObject({});

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
): BindIssueAbility<'user'> {
  const { parameters = noParameters as z.ZodType<Parameters>, exchange, lifetime, plainTextField } = declared;
  return (vendor) =>
    toAbility<'user', Parameters>({
      bound: 'user',
      parameters,
      exchange,
      lifetime,
      plainTextField,
      async issue(request) {
        const { fields, expiresInSeconds } = await declared.issue(request);
        const { vendorUserId } = request;
        return { kind: 'client', bound: 'user', vendor, fields, vendorUserId, expiresInSeconds };
      },
    });
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
): BindIssueAbility<'account'> {
  const { parameters = noParameters as z.ZodType<Parameters>, cache, exchange, lifetime, plainTextField } = declared;
  return (vendor) =>
    toAbility<'account', Parameters>({
      bound: 'account',
      parameters,
      cache,
      exchange,
      lifetime,
      plainTextField,
      async issue(request) {
        const { fields, expiresInSeconds } = await declared.issue(request);
        return { kind: 'client', bound: 'account', vendor, fields, expiresInSeconds };
      },
    });
}

/** The broker parses the parameters with the ability's own schema, so that only the ability has to know their type. */
function toAbility<Binding extends TokenBinding, Parameters>(
  ability: IssueAbility<Binding, Parameters>,
): IssueAbility<Binding> {
  return ability as unknown as IssueAbility<Binding>;
}
