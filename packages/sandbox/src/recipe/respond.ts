import type { Clock, SampleRequest, VendorSample } from '@valetkey/core-types';
import type { CredentialList } from '../engine/credential-list.ts';
import type { Call, SimulatedResponse } from '../engine/responses.ts';
import type { createFailures } from './failures.ts';
import { matchRequest } from './match-request.ts';
import type { Comparison } from './match-text.ts';
import { writeResponse } from './write-response.ts';

interface ResponderDependencies {
  /** The accepted values of each credential. */
  readonly accepted: ReadonlyMap<string, CredentialList>;
  readonly failures: ReturnType<typeof createFailures>;
  readonly clock: Clock;
}

/**
 * Returns a function that responds to a call as the first request that it fits. A call that fits none is refused: with 401 if
 * nothing but a credential is wrong, or no request accepts the credential, else with 400.
 */
export function createResponder(
  { lifetimeSeconds }: VendorSample,
  { accepted, failures, clock }: ResponderDependencies,
): (requests: readonly SampleRequest[], call: Call) => SimulatedResponse {
  const users = new Set<string>();
  let count = 0;
  const nextNumber = () => (count += 1);
  const issued = new Map<string, Set<string>>();
  const accepts = (name: string, text: string) =>
    accepted.get(name)?.accepts(text) === true || issued.get(name)?.has(text) === true;

  function perform(request: SampleRequest, { found }: Comparison, call: Call): SimulatedResponse {
    const { response, conflict, user, issues } = request;
    const name = String(found.get('user.id')?.value ?? '');
    if (user === 'find' && !users.has(name)) return failures.failure(404);
    const isSecond = user === 'create' && users.has(name);
    if (user === 'create') users.add(name);
    const sample = isSecond && conflict !== undefined ? conflict : response;
    const onIssue = (text: string) => {
      if (issues !== undefined) issued.set(issues, (issued.get(issues) ?? new Set()).add(text));
    };
    return writeResponse(sample, found, call, { clock, nextNumber, lifetimeSeconds, onIssue });
  }

  return (requests, call) => {
    const compared = requests.map((request) => ({ request, comparison: matchRequest(request, call, accepts) }));
    const fitting = compared.find(({ comparison }) => comparison.misfits.size === 0);
    if (fitting !== undefined) return perform(fitting.request, fitting.comparison, call);
    const isRefused = compared.every(({ comparison }) => comparison.misfits.has('credential'));
    return failures.plain(isRefused ? 401 : 400);
  };
}
