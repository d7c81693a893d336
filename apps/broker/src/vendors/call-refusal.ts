import { ValetKeyError, type Principal, type ProxyRequest } from '@valetkey/core-types';
import { findCallRefusal, type CallRefusal } from '@valetkey/vendor-clients';
import type { Connection } from './connections.ts';

/** The error with which a call is refused, and the field of the connection that refuses it. */
export interface RefusedCall {
  readonly field: string;
  readonly error: ValetKeyError;
}

/** Returns how the allow-list of a connection refuses a call, or undefined if it allows the call. */
export function findRefusedCall(
  { name, vendor }: Connection,
  principal: Principal,
  request: Pick<ProxyRequest, 'method' | 'path' | 'query'>,
): RefusedCall | undefined {
  const refusal = findCallRefusal(vendor.proxy?.allow ?? [], request, principal);
  if (refusal === undefined) return undefined;
  if (refusal.cause === 'not_listed') {
    const error = new ValetKeyError('forbidden', `This call is not on the allow-list of ${name}.`, {
      vendor: vendor.id,
      reason: 'allow',
      remediation: `Ask the operator to add the method and path to vendors.${name}.allow.`,
    });
    return { field: 'allow', error };
  }
  const field = `allow.${refusal.place}`;
  const { detail, remediation } = describe(refusal, `vendors.${name}.${field}`);
  const error = new ValetKeyError('forbidden', detail, { vendor: vendor.id, reason: field, remediation });
  return { field, error };
}

/** Returns the path pattern of the first entry that by itself allows a call, or undefined if there is none. */
export function findAllowedPath(
  { vendor }: Connection,
  principal: Principal,
  request: Pick<ProxyRequest, 'method' | 'path' | 'query'>,
): string | undefined {
  return vendor.proxy?.allow.find((allowed) => findCallRefusal([allowed], request, principal) === undefined)?.path;
}

/** Returns a call that the allow-list allows as the function of a policy receives it. Such a path can be decoded in one way only. */
export function describeCall({ method, path }: Pick<ProxyRequest, 'method' | 'path'>) {
  return { method, path: decodeURIComponent(path) };
}

/** Describes a refusal by an entry that is bound to a claim. */
function describe({ cause, claims, query }: Exclude<CallRefusal, { cause: 'not_listed' }>, field: string) {
  const claim = claims.join(', ');
  switch (cause) {
    case 'encoding':
      return {
        detail: `The path has another percent-encoding than ${field} accepts.`,
        remediation: 'Encode only the characters that have to be encoded, once and with capital letters.',
      };
    case 'batch':
      return {
        detail: `A batch is not allowed beside ${field}, because its requests could be about any user.`,
        remediation: 'Send each request of the batch by itself.',
      };
    case 'issuer':
      return {
        detail: `${field} is not for users of this token's issuer.`,
        remediation: `Sign in at the identity provider whose tokens have the claim ${claim}.`,
      };
    case 'claim':
      return {
        detail: `The token lacks the claim ${claim}, or the claim is not a plain identifier; ${field} requires it.`,
        remediation: `Sign in so that the token carries the claim ${claim}: letters, digits and ._~:@|- only.`,
      };
    case 'segment':
      return {
        detail: `${field} allows this path only with the value of the caller's own claim ${claim}.`,
        remediation: `Call the path with the value of the claim ${claim} of your own token.`,
      };
    case 'query':
      return {
        detail: `The query has a parameter that ${field} does not allow.`,
        remediation:
          query.length === 0
            ? 'Send the call without a query.'
            : `Send no other query parameters than ${query.join(', ')}, and encode each semicolon.`,
      };
  }
}
