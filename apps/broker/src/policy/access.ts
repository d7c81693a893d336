import { readClaim, readTenant, ValetKeyError, type Principal } from '@valetkey/core-types';
import type { ConnectionPolicy } from '../config/connection-policy.ts';

/** One rule of a connection's policy. */
export interface AccessRule {
  /** The field of the connection that has the rule. */
  readonly field: 'issuers' | 'requiredScopes' | 'requiredClaims';
  /** What the token must have, as a sentence without the values that the operator configured. */
  readonly requirement: string;
  /** Returns what a principal lacks. It is allowed if it lacks nothing. */
  readonly lacking: (principal: Principal) => readonly string[];
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
  const required = [...requiredScopes.map((scope) => `the scope ${scope}`), ...Object.keys(requiredClaims)];
  const refuse = (detail: string, remediation: string) => () =>
    new ValetKeyError('forbidden', detail, { vendor: vendor.id, remediation });
  const refusal = refuse(
    `The token lacks a scope or claim that ${name} requires.`,
    `Sign in so that the token carries: ${required.join(', ')}.`,
  );
  const rules: AccessRule[] = [];
  if (issuers !== undefined) {
    rules.push({
      field: 'issuers',
      requirement: 'An issuer whose users may use the connection.',
      lacking: ({ issuer }) =>
        issuers.some((form) => readTenant(form, issuer) !== undefined) ? [] : ['an issuer of this connection'],
      refusal: refuse(
        `${name} is not available to users of this token's issuer.`,
        'Sign in at the identity provider whose users may use this connection.',
      ),
    });
  }
  if (requiredScopes.length > 0) {
    rules.push({
      field: 'requiredScopes',
      requirement: `The scopes ${requiredScopes.join(', ')}.`,
      lacking: ({ scopes }) => requiredScopes.filter((scope) => !scopes.includes(scope)),
      refusal,
    });
  }
  if (Object.keys(requiredClaims).length > 0) {
    rules.push({
      field: 'requiredClaims',
      requirement: `The required values of the claims ${Object.keys(requiredClaims).join(', ')}.`,
      lacking: (principal) => lackingClaims(principal, requiredClaims),
      refusal,
    });
  }
  return rules;
}

/** Returns whether every rule allows this principal. */
export function isAllowed(rules: readonly AccessRule[], principal: Principal): boolean {
  return rules.every(({ lacking }) => lacking(principal).length === 0);
}

/** Returns the names of the claims that do not have their required value. */
function lackingClaims({ claims }: Principal, required: ConnectionPolicy['requiredClaims']): string[] {
  return Object.entries(required).flatMap(([name, value]) => {
    const claim = readClaim(claims, name);
    return claim === value || (Array.isArray(claim) && claim.includes(value)) ? [] : [name];
  });
}
