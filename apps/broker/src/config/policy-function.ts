import { z } from 'zod';

/** The operations that a policy decides about. */
export type PolicyOperation = 'issue' | 'proxy' | 'authorize' | 'resolve';

/**
 * The request that a function of a policy decides about. It is a frozen copy, and its objects have no prototype, so that
 * `claims.constructor` is absent unless the token has a claim of that name.
 */
export interface PolicyRequest {
  readonly principal: {
    readonly issuer: string;
    readonly subject: string;
    readonly scopes: readonly string[];
    /** Every claim of the verified token. */
    readonly claims: Readonly<Record<string, unknown>>;
  };
  /** `issue` and `proxy` use a connection. `authorize` and `resolve` are forward authentication. */
  readonly operation: PolicyOperation;
  /** The name of the connection. Absent for forward authentication. */
  readonly connection?: string | undefined;
  /** The HTTP method of a proxied call. */
  readonly method?: string | undefined;
  /** The path of a proxied call at the vendor, percent-decoded and without its query. A segment contains no slash. */
  readonly path?: string | undefined;
}

/**
 * Decides about a request that all rules allow. Only `true` allows it, and `false` refuses it. Anything else, an error and
 * a decision that comes too late are failures: the broker responds `policy_unavailable` (503). `signal` aborts at the time
 * limit.
 */
export type PolicyFunction = (
  request: PolicyRequest,
  context: { readonly signal: AbortSignal },
) => boolean | Promise<boolean>;

/** The time limit of a function that has none of its own, in milliseconds. */
export const defaultDecideTimeoutMs = 1_000;

/** The fields of a policy that are about its function. */
export const policyFunctionShape = {
  decide: z
    .custom<PolicyFunction>((value) => typeof value === 'function', {
      error: 'must be a function, which only a TypeScript or JavaScript configuration can have',
    })
    .meta({
      codeOnly: true,
      description:
        'A function that decides about each request that the rules allow: [Your own function](policy.md#your-own-function). Available only in a TypeScript or JavaScript configuration.',
    })
    .optional(),
  decideTimeoutMs: z
    .int()
    .min(1)
    .max(60_000)
    .meta({
      codeOnly: true,
      description: 'The longest time, in milliseconds, that `decide` may take. Default: 1000.',
    })
    .optional(),
};
