import { readTenant, ValetKeyError, type Principal } from '@valetkey/core-types';
import type { ConnectionPolicy } from '../config/connection-policy.ts';

/** One rule of a connection's policy. */
export interface AccessRule {
  readonly allows: (principal: Principal) => boolean;
  /** Creates the error with which a principal is refused. */
  readonly refusal: () => ValetKeyError;
}

/** A connection and its policy. */
interface ProtectedConnection {
  readonly name: string;
  readonly vendor: { readonly id: string };
  readonly policy: ConnectionPolicy;
}

/** Returns the rules of a connection's policy, in the order in which they are checked. Without rules, every principal is allowed. */
export function createAccessRules({ name, vendor, policy }: ProtectedConnection): readonly AccessRule[] {
  const { issuers, requiredScopes, requiredClaims } = policy;
  const rules: AccessRule[] = [];
  if (issuers !== undefined) {
    rules.push({
      allows: ({ issuer }) => issuers.some((form) => readTenant(form, issuer) !== undefined),
      refusal: () =>
        new ValetKeyError('forbidden', `${name} is not available to users of this token's issuer.`, {
          vendor: vendor.id,
          remediation: 'Sign in at the identity provider whose users may use this connection.',
        }),
    });
  }
  const required = [...requiredScopes.map((scope) => `the scope ${scope}`), ...Object.keys(requiredClaims)];
  if (required.length > 0) {
    rules.push({
      allows: (principal) => hasScopes(principal, requiredScopes) && hasClaims(principal, requiredClaims),
      refusal: () =>
        new ValetKeyError('forbidden', `The token lacks a scope or claim that ${name} requires.`, {
          vendor: vendor.id,
          remediation: `Sign in so that the token carries: ${required.join(', ')}.`,
        }),
    });
  }
  return rules;
}

/** Returns whether every rule allows this principal. */
export function isAllowed(rules: readonly AccessRule[], principal: Principal): boolean {
  return rules.every((rule) => rule.allows(principal));
}

function hasScopes({ scopes }: Principal, required: readonly string[]): boolean {
  return required.every((scope) => scopes.includes(scope));
}

function hasClaims({ claims }: Principal, required: ConnectionPolicy['requiredClaims']): boolean {
  return Object.entries(required).every(([name, value]) => {
    const claim = Object.hasOwn(claims, name) ? claims[name] : undefined;
    return claim === value || (Array.isArray(claim) && claim.includes(value));
  });
}
