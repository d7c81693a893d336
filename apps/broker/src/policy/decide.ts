import { ValetKeyError, type Principal } from '@valetkey/core-types';
import { defaultDecideTimeoutMs, type PolicyFunction, type PolicyRequest } from '../config/policy-function.ts';
import type { PlacedPolicy } from './access.ts';

/** A request that the function of a policy decides about. */
export interface DecidedRequest extends Omit<PolicyRequest, 'principal'> {
  readonly principal: Principal;
}

/**
 * Asks the function of a policy about a request that all rules allow. Resolves only if the function allows the request. Rejects
 * with `forbidden` if it refuses, and with `policy_unavailable` if it fails.
 */
export type AssertDecided = (request: DecidedRequest) => Promise<void>;

/** The place of the function below a connection or below forward authentication. */
export const decideField = 'policy.decide';

/** Why a function has not decided. */
type Failure = 'threw' | 'timeout' | 'no_boolean';

/** Creates the decision by the function of a policy. Returns undefined if the policy has no function. */
export function createDecision({ place, vendor, policy }: PlacedPolicy): AssertDecided | undefined {
  const { decide, decideTimeoutMs: timeoutMs = defaultDecideTimeoutMs } = policy ?? {};
  if (decide === undefined) return undefined;
  const field = `${place}.${decideField}`;
  const advice: Readonly<Record<Failure, string>> = {
    threw: `The function ${field} threw an error. Catch it there, and log it there: the broker does not log its text.`,
    timeout: `The function ${field} took longer than ${timeoutMs} ms. Make it faster, or raise decideTimeoutMs.`,
    no_boolean: `The function ${field} returned neither true nor false. Correct it.`,
  };
  return async (request) => {
    const decided = await ask(decide, request, timeoutMs);
    if (decided === true) return;
    if (decided === false) {
      throw new ValetKeyError('forbidden', `The function ${field} refuses this request.`, {
        vendor,
        reason: decideField,
      });
    }
    throw new ValetKeyError('policy_unavailable', `The function ${field} has not decided about this request.`, {
      vendor,
      reason: `${decideField}: ${decided}`,
      advice: advice[decided],
    });
  };
}

/** Asks the function. Never rejects, whatever the function throws, and however late it does. */
async function ask(decide: PolicyFunction, request: DecidedRequest, timeoutMs: number): Promise<boolean | Failure> {
  const limit = new AbortController();
  const { promise: timedOut, resolve: end } = Promise.withResolvers<Failure>();
  const timer = setTimeout(() => {
    end('timeout');
    limit.abort(new DOMException('The time limit of the policy has passed.', 'TimeoutError'));
  }, timeoutMs);
  const answer = async (): Promise<boolean | Failure> => {
    const decided: unknown = await decide(copyRequest(request), { signal: limit.signal });
    return typeof decided === 'boolean' ? decided : 'no_boolean';
  };
  try {
    return await Promise.race([answer(), timedOut]);
  } catch {
    return 'threw';
  } finally {
    clearTimeout(timer);
  }
}

function copyRequest({ principal, ...request }: DecidedRequest): PolicyRequest {
  const { issuer, subject, scopes, claims } = principal;
  return freezeCopy({ principal: { issuer, subject, scopes, claims }, ...request }) as PolicyRequest;
}

/** Returns a deep copy that the function cannot change. Its objects inherit nothing, so that an absent claim is absent. */
function freezeCopy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(freezeCopy));
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [name, member] of Object.entries(value)) copy[name] = freezeCopy(member);
  return Object.freeze(copy);
}
