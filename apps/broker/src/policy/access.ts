import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { ConnectionPolicy } from '../config/connection-policy.ts';

/** What a policy protects: a connection by its name, and its vendor. */
interface ProtectedConnection {
  readonly name: string;
  readonly vendor: { readonly id: string };
  readonly policy: ConnectionPolicy;
}

/** Returns the connection of this name. Throws `unknown_vendor`. */
export function findConnection<Connection>(connections: ReadonlyMap<string, Connection>, name: string): Connection {
  const connection = connections.get(name);
  if (connection !== undefined) return connection;
  throw new ValetKeyError('unknown_vendor', 'No connection of this name is configured.');
}

/** Throws `forbidden` unless the policy of the connection allows this principal. */
export function assertAllowed({ name, vendor, policy }: ProtectedConnection, principal: Principal): void {
  if (!isOfAllowedIssuer(policy, principal)) {
    throw new ValetKeyError('forbidden', `${name} is not available to users of this token's issuer.`, {
      vendor: vendor.id,
      remediation: 'Sign in at the identity provider whose users may use this connection.',
    });
  }
  if (!hasWhatIsRequired(policy, principal)) {
    const { requiredScopes, requiredClaims } = policy;
    const required = [...requiredScopes.map((scope) => `the scope ${scope}`), ...Object.keys(requiredClaims)];
    throw new ValetKeyError('forbidden', `The token lacks a scope or claim that ${name} requires.`, {
      vendor: vendor.id,
      remediation: `Sign in so that the token carries: ${required.join(', ')}.`,
    });
  }
}

/** Returns whether the policy allows this principal. */
export function isAllowed(policy: ConnectionPolicy, principal: Principal): boolean {
  return isOfAllowedIssuer(policy, principal) && hasWhatIsRequired(policy, principal);
}

function isOfAllowedIssuer({ issuers }: ConnectionPolicy, { issuer }: Principal): boolean {
  return issuers?.includes(issuer) ?? true;
}

function hasWhatIsRequired(
  { requiredScopes, requiredClaims }: ConnectionPolicy,
  { scopes, claims }: Principal,
): boolean {
  return (
    requiredScopes.every((scope) => scopes.includes(scope)) &&
    Object.entries(requiredClaims).every(([name, value]) => {
      const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
      return claim === value || (Array.isArray(claim) && claim.includes(value));
    })
  );
}
