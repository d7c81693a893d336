import { readClaim, readTenant, ValetKeyError, type Principal } from '@valetkey/core-types';
import type { ConnectionPolicy } from '../config/connection-policy.ts';
import type { Policy } from '../config/policy-rules.ts';

/** A field of a connection, or of forward authentication, that can refuse a request. */
export type AccessField = 'issuers' | 'requiredScopes' | 'requiredClaims' | 'policy.default' | `policy.rules.${number}`;

/** One rule about who may use a connection. */
export interface AccessRule {
  /** The field that has the rule. */
  readonly field: AccessField;
  /** What the token must have, as a sentence without the values that the operator configured. */
  readonly requirement: string;
  /**
   * Returns what a principal lacks. It is allowed if it lacks nothing. A rule about other operations than this one never
   * refuses; without an operation, every rule counts.
   */
  readonly lacking: (principal: Principal, operation?: string) => readonly string[];
  /** Creates the error with which a principal is refused. */
  readonly refusal: () => ValetKeyError;
}

/** A policy, and where it stands. */
export interface PlacedPolicy {
  /** The part of the configuration that has the policy: `vendors.<name>` or `forwardAuth`. */
  readonly place: string;
  /** The id of the connection's vendor. */
  readonly vendor?: string | undefined;
  readonly policy: Policy | undefined;
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

/** Returns the first rule that refuses this principal. Without an operation, every rule counts. */
export function findRefusingRule(
  rules: readonly AccessRule[],
  principal: Principal,
  operation?: string,
): AccessRule | undefined {
  return rules.find(({ lacking }) => lacking(principal, operation).length > 0);
}

/** Returns whether every rule allows this principal. Without an operation, every rule counts. */
export function isAllowed(rules: readonly AccessRule[], principal: Principal, operation?: string): boolean {
  return findRefusingRule(rules, principal, operation) === undefined;
}

/** Returns the names of the claims that do not have their required value. */
function lackingClaims({ claims }: Principal, required: ConnectionPolicy['requiredClaims']): string[] {
  return Object.entries(required).flatMap(([name, value]) => {
    const claim = readClaim(claims, name);
    return claim === value || (Array.isArray(claim) && claim.includes(value)) ? [] : [name];
  });
}
