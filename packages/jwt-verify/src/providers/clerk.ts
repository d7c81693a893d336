import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import {
  bareUrlSchema,
  clientIdsSchema,
  commonShape,
  completeRecord,
  impersonationRules,
  impersonationSchema,
  listSchema,
  parseOptions,
  toList,
} from './preset.ts';

const originSchema = z.string().regex(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]+$/, {
  error: 'must be an origin: scheme, host and port, without a slash at the end',
});

const frontendApiSchema = bareUrlSchema.refine((text) => /^[a-z0-9.-]+\.[a-z0-9.-]+(:\d+)?(\/[\w.-]+)*$/i.test(text), {
  error: 'must be the host of the Frontend API, such as clerk.example.com, or the URL of a proxy',
});

/** The options of {@link clerk}. */
export const clerkOptions = z
  .strictObject({
    domain: frontendApiSchema.describe(
      'The Frontend API, such as `clerk.example.com`, `slug-1.clerk.accounts.dev` or, behind a proxy, `app.example.com/__clerk`.',
    ),
    token: z
      .enum(['session', 'template', 'oauth'])
      .default('session')
      .describe('Which tokens the apps send: session tokens, tokens of a JWT template, or OAuth access tokens.'),
    origins: z
      .union([originSchema, z.array(originSchema).min(1)])
      .optional()
      .describe(
        'The origins of the web apps (`azp`), such as `https://app.example.com`. Required without `nativeApps`.',
      ),
    nativeApps: z
      .boolean()
      .default(false)
      .describe('Whether tokens without `azp` are accepted, as native apps and back ends get them.'),
    audience: listSchema.optional().describe('The `aud` that the JWT template writes. Required for `template`.'),
    clientIds: clientIdsSchema.optional(),
    impersonation: impersonationSchema,
    ...commonShape,
  })
  .refine(({ token, origins, nativeApps }) => token === 'oauth' || nativeApps || origins !== undefined, {
    error:
      'is missing: without it, every web app of the Clerk instance could call (or set nativeApps, if only native apps call)',
    path: ['origins'],
  })
  .refine(({ token, audience }) => token !== 'template' || audience !== undefined, {
    error: 'is missing: have the JWT template write an aud, and set it here',
    path: ['audience'],
  })
  .refine(({ token, clientIds }) => (token === 'oauth') === (clientIds !== undefined), {
    error: 'is for OAuth access tokens, and is required for them',
    path: ['clientIds'],
  });

/**
 * Returns the issuer record of a Clerk instance.
 *
 * Source: Clerk's documentation of session tokens, and \@clerk/backend 3.25.0.
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { clerk } from '@valetkey/jwt-verify/providers';
 *
 * const record = clerk({ domain: 'clerk.example.com', origins: 'https://app.example.com' });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function clerk(options: z.input<typeof clerkOptions>): IssuerOptions {
  const { domain, token, origins, nativeApps, audience, clientIds, impersonation, ...common } = parseOptions(
    clerkOptions,
    options,
  );
  const actors = impersonationRules(impersonation);
  const issuer = `https://${domain}`;
  const audiences = audience === undefined ? null : toList(audience);
  const base = {
    issuer,
    audiences,
    jwksUri: `${issuer}/.well-known/jwks.json`,
    algorithms: ['RS256' as const],
    remediations: {
      unknown_issuer:
        "Development and production instances of Clerk have different domains: set the domain of the app's instance.",
    },
    machines: {
      marks: [
        { claim: 'sub', startsWith: 'mch_' },
        { claim: 'sub', sameAs: 'client_id' },
      ],
    },
  };
  if (token === 'oauth') return completeRecord({ ...base, tokenType: 'access' }, { ...common, clientIds });
  const isSession = token === 'session';
  return completeRecord(
    {
      ...base,
      tokenType: 'any',
      clientClaims: ['azp'],
      clientOptional: nativeApps,
      requiredHeaders: { typ: ['JWT'] },
      requiredClaims: isSession ? { sid: 'any' } : {},
      forbiddenClaims: [
        ...actors.forbiddenClaims,
        { claim: 'sts', values: ['pending'] },
        { claim: 'client_id' },
        // Without origins, only native apps may call.
        ...(origins === undefined ? [{ claim: 'azp' }] : []),
      ],
      // The o.per of version 2 lacks the features of the permissions: "read" of one feature would be that of any other.
      ...(isSession && { scopeClaims: ['org_permissions'] }),
      remediations: {
        ...base.remediations,
        ...actors.remediations,
        wrong_client:
          'Add the origin of the web app to origins. A native app or back end has no azp: set nativeApps if such apps may call.',
        azp: 'This is the token of a web app: list its origin in origins if it may call.',
        malformed_token:
          'Send the JWT that `getToken()` returns. Opaque tokens of Clerk (oat_…, mt_…, ak_…) are not accepted.',
        wrong_audience: 'Send a token of the JWT template: `getToken({ template })`.',
        sid: 'Send the session token (`getToken()` without a template), or set token to template.',
        sts: 'Have the user finish the tasks of the sign-in, such as choosing an organization.',
        client_id: 'Send the token that `getToken()` returns. OAuth access tokens need the option token: oauth.',
        typ: 'Send the token that `getToken()` returns. OAuth access tokens need the option token: oauth.',
      },
    },
    { ...common, clientIds: origins },
  );
}
