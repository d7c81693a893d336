import { ValetKeyError, type Clock, type IssueAbility, type Principal } from '@valetkey/core-types';

/** Wraps the refusal of work because of the caller's own token: the only 401 of work that reaches the caller. */
export class CallerTokenRefusal extends Error {
  readonly refusal: ValetKeyError;

  constructor(refusal: ValetKeyError) {
    super('The token of the caller was refused.');
    this.refusal = refusal;
  }
}

/** Bounds the tokens of a connection by the token of the caller (`boundByAppToken`). */
export interface AppTokenBound {
  /**
   * Returns the parameters of a token that does not outlive the caller's token, and whether they differ from the given ones.
   * Throws a refusal of the caller's token if no token of the vendor is that short.
   */
  readonly shorten: <Parameters>(
    ability: Pick<IssueAbility, 'lifetime'>,
    principal: Principal,
    parameters: Parameters,
  ) => { readonly parameters: Parameters; readonly isShortened: boolean };
  /** Throws the same refusal for a token that the vendor issued for longer than the caller's token lives. */
  readonly assertWithin: (principal: Principal, expiresInSeconds: number | undefined) => void;
}

/** Creates the bound of one connection. */
export function createAppTokenBound(connection: string, vendor: string, clock: Clock): AppTokenBound {
  const remainingOf = ({ expiresAtSeconds }: Principal): number =>
    expiresAtSeconds === undefined ? 0 : Math.floor(expiresAtSeconds - clock.nowMs() / 1_000);
  const refusal = ({ expiresAtSeconds }: Principal): CallerTokenRefusal =>
    new CallerTokenRefusal(
      new ValetKeyError('invalid_token', `The token expires before a token of ${connection} would.`, {
        vendor,
        reason: expiresAtSeconds === undefined ? 'app_token_without_expiry' : 'app_token_too_short',
        remediation: 'Get a fresh token from your identity provider and call again.',
        advice:
          `vendors.${connection}.boundByAppToken refuses tokens that outlive the caller's token. Let the identity provider ` +
          'issue tokens that live longer than the shortest token of the vendor, or turn the option off.',
      }),
    );
  return {
    shorten({ lifetime }, principal, parameters) {
      const remaining = remainingOf(principal);
      if (lifetime === undefined || remaining < lifetime.minSeconds) throw refusal(principal);
      const shortened = (lifetime.shorten?.(parameters as never, remaining) ?? parameters) as typeof parameters;
      return { parameters: shortened, isShortened: JSON.stringify(shortened) !== JSON.stringify(parameters) };
    },
    assertWithin(principal, expiresInSeconds = Infinity) {
      if (expiresInSeconds > remainingOf(principal)) throw refusal(principal);
    },
  };
}
