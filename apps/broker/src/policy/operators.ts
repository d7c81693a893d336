import { readClaim, ValetKeyError, type Clock, type Principal } from '@valetkey/core-types';
import type { OperatorsConfig } from '../config/config.ts';
import type { CallerRequest, Identify, RecordRefusal } from '../identity/identify.ts';
import { prepareCondition } from './conditions.ts';

/**
 * Returns the actor that the access token of an operator names. Rejects with the error of {@link Identify}, and with `forbidden` if
 * the user is no operator or has no usable `actorClaim`.
 */
export type IdentifyOperator = (request: OperatorRequest) => Promise<string>;

/** A request to the admin API. */
type OperatorRequest = Omit<CallerRequest, 'operation' | 'connection'>;

/** The dependencies of {@link createIdentifyOperator}. */
interface OperatorDependencies {
  readonly identify: Identify;
  readonly recordRefusal: RecordRefusal;
  readonly clock: Pick<Clock, 'nowMs'>;
}

const maxNameLength = 128;

/** Creates the function that returns the actor of an operator. */
export function createIdentifyOperator(
  { require, actorClaim }: Pick<OperatorsConfig, 'require' | 'actorClaim'>,
  { identify, recordRefusal, clock }: OperatorDependencies,
): IdentifyOperator {
  const { decide, subjects } = prepareCondition(require, clock);
  const readActor = (principal: Principal): string => {
    if (decide(principal) === true) return actorOf(principal, actorClaim);
    throw new ValetKeyError('forbidden', 'This user is not an operator.', {
      reason: 'admin.operators.require',
      remediation: `Sign in so that the token satisfies admin.operators.require. It reads: ${subjects.join(', ')}.`,
    });
  };
  return async (origin) => {
    const request: CallerRequest = { ...origin, operation: 'administer' };
    const principal = await identify(request);
    try {
      return readActor(principal);
    } catch (error) {
      if (ValetKeyError.isInstance(error)) await recordRefusal(principal, request, error);
      throw error;
    }
  };
}

/**
 * Returns the actor: the value of `actorClaim`, the subject and the issuer, with spaces between them. No admin token has a name with
 * a space. The subject and the issuer tell two users apart who chose the same name.
 */
function actorOf({ issuer, subject, claims }: Principal, actorClaim: string): string {
  if (actorClaim === 'sub') return [subject, issuer].map(toWord).join(' ');
  const name = readClaim(claims, actorClaim);
  if (typeof name !== 'string' || name === '' || name.length > maxNameLength || !name.isWellFormed()) {
    throw new ValetKeyError('forbidden', `The token does not name its operator in ${actorClaim}.`, {
      reason: 'admin.operators.actorClaim',
      remediation: `Have the identity provider write a text of 1 to ${maxNameLength} characters into ${actorClaim}, or change admin.operators.actorClaim.`,
    });
  }
  return [name, subject, issuer].map(toWord).join(' ');
}

/** Returns a text without spaces and control characters: everything but printable ASCII is percent-encoded, and so is `%`. */
function toWord(text: string): string {
  return text.replaceAll(/[^!-$&-~]/gu, encodeURIComponent);
}
