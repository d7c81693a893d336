import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { commonShape, completeRecord, domainSchema, listSchema, parseOptions, toList } from './preset.ts';

const guidSchema = z
  .guid({ error: 'must be a GUID; common, organizations and names of tenants are not accepted' })
  .toLowerCase();

/** Parses client ids: in tokens, GUIDs are in lower case. */
const appIdsSchema = listSchema.transform((ids) => toList(ids).map((id) => (isGuid(id) ? id.toLowerCase() : id)));

const nameSchema = z.string().regex(/^[a-z0-9-]+$/i, {
  error: 'must be the part before the first dot, such as contoso',
});

/** Hosts of Entra ID that are in no `iss` of version 2. */
const otherHosts = new Set([
  'sts.windows.net',
  'login.windows.net',
  'login.microsoft.com',
  'login.chinacloudapi.cn',
  'sts.chinacloudapi.cn',
]);

/** The longest life of a token with continuous access evaluation: 28 hours. */
const longestLifetimeSeconds = 28 * 3600;

/** The options of {@link entra}. */
export const entraOptions = z.strictObject({
  tenantIds: z
    .union([z.literal('any'), guidSchema, z.array(guidSchema).min(1)])
    .describe("The ids of the accepted tenants. `any` accepts every tenant of Entra ID, also other companies'."),
  audience: appIdsSchema.describe('The application (client) id of your API, for ID tokens that of the app.'),
  token: z.enum(['access', 'id']).default('access').describe('Which tokens the apps send. Prefer access tokens.'),
  clientIds: appIdsSchema.describe('The client ids of the apps whose tokens are accepted.').optional(),
  authority: domainSchema
    .refine((host) => !otherHosts.has(host), {
      error:
        'must be the host in the iss of tokens of version 2: login.microsoftonline.com, login.microsoftonline.us or login.partner.microsoftonline.cn',
    })
    .default('login.microsoftonline.com')
    .describe(
      'The host of the cloud in which the tenants are: `login.microsoftonline.us` (US government), `login.partner.microsoftonline.cn` (China).',
    ),
  keysOfApp: guidSchema
    .optional()
    .describe('The id of an app with claims mapping, whose tokens have keys of their own.'),
  ...commonShape,
});

/**
 * Returns the issuer record of tenants of Microsoft Entra ID. It accepts tokens of version 1 and 2; a user is the same
 * principal under both. The subject is `oid` and `tid`, because `sub` differs between apps.
 *
 * Source: Microsoft's "Access tokens" and "Validate claims".
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { entra } from '@valetkey/jwt-verify/providers';
 *
 * const record = entra({
 *   tenantIds: '11111111-2222-4333-8444-555555555555',
 *   audience: '66666666-7777-4888-8999-000000000000',
 * });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function entra(options: z.input<typeof entraOptions>): IssuerOptions {
  const { tenantIds, audience, token, authority, keysOfApp, ...common } = parseOptions(entraOptions, options);
  const isAccess = token === 'access';
  const accepted = tenantIds === 'any' ? 'any' : toList(tenantIds);
  const keysOf = accepted !== 'any' && accepted.length === 1 ? accepted[0] : 'common';
  const query = keysOfApp === undefined ? '' : `?appid=${keysOfApp}`;
  const versionOne = authority.endsWith('.cn') ? 'sts.chinacloudapi.cn' : 'sts.windows.net';
  return completeRecord(
    {
      issuer: `https://${authority}/{tenantid}/v2.0`,
      otherForms: [`https://${versionOne}/{tenantid}/`],
      tenants: { claim: 'tid', accepted },
      audiences: [...audience, ...(isAccess ? audience.filter(isGuid).map((id) => `api://${id}`) : [])],
      jwksUri: `https://${authority}/${keysOf}/discovery/v2.0/keys${query}`,
      algorithms: ['RS256'],
      tokenType: isAccess ? 'any' : 'id',
      clientClaims: ['azp', 'appid'],
      accessTokenClaims: ['azp', 'appid'],
      subjectClaims: ['oid', 'tid'],
      scopeClaims: common.machines ? ['scp', 'roles'] : ['scp'],
      maxLifetimeSeconds: longestLifetimeSeconds,
      forbiddenHeaders: ['nonce'],
      // Only access tokens have these. One that the same app registration got as an API has the same aud.
      ...(!isAccess && { forbiddenClaims: ['scp', 'azp', 'appid'].map((claim) => ({ claim })) }),
      machines: {
        marks: [{ claim: 'idtyp', values: ['app'] }, ...(isAccess ? [{ claim: 'scp', absent: true as const }] : [])],
      },
      remediations: {
        ...microsoftRemediations(audience),
        unknown_issuer: `The iss must be that of the cloud that authority names (${authority}). A tenant of Azure AD B2C needs the preset entra-b2c, an external tenant entra-external-id.`,
        ...(!isAccess && sendIdToken),
      },
    },
    common,
  );
}

function isGuid(text: string): boolean {
  return guidSchema.safeParse(text).success;
}

/** The options of {@link entraB2c}. */
export const entraB2cOptions = z.strictObject({
  name: nameSchema.describe('The name of the B2C tenant: `contoso` of `contoso.onmicrosoft.com`.'),
  tenantId: guidSchema.describe('The id of the B2C tenant.'),
  policies: listSchema.describe('The accepted user flows or policies, such as `B2C_1_signin`.'),
  audience: appIdsSchema.describe('The application (client) id of your API.'),
  clientIds: appIdsSchema.describe('The client ids of the apps whose tokens are accepted.').optional(),
  domain: domainSchema.optional().describe('The custom domain. Absent: `<name>.b2clogin.com`.'),
  policyClaim: z.enum(['tfp', 'acr']).default('tfp').describe('The claim in which the policy stands.'),
  ...commonShape,
});

/**
 * Returns the issuer record of a tenant of Azure AD B2C.
 *
 * Source: Microsoft's overview of tokens in Azure AD B2C.
 *
 * @example
 * ```ts
 * import { entraB2c } from '@valetkey/jwt-verify/providers';
 *
 * const record = entraB2c({
 *   name: 'contoso',
 *   tenantId: '11111111-2222-4333-8444-555555555555',
 *   policies: 'B2C_1_signin',
 *   audience: '66666666-7777-4888-8999-000000000000',
 * });
 * ```
 */
export function entraB2c(options: z.input<typeof entraB2cOptions>): IssuerOptions {
  const { name, tenantId, policies, audience, domain, policyClaim, ...common } = parseOptions(entraB2cOptions, options);
  const origin = `https://${domain ?? `${name}.b2clogin.com`}`;
  const [policy] = toList(policies);
  // B2C writes the names of policies as they were created, and in lower case.
  const names = [...new Set(toList(policies).flatMap((each) => [each, each.toLowerCase()]))];
  return completeRecord(
    {
      issuer: `${origin}/${tenantId}/v2.0/`,
      otherForms: names.map((each) => `${origin}/tfp/${tenantId}/${each}/v2.0/`),
      audiences: audience,
      jwksUri: `${origin}/${name}.onmicrosoft.com/${policy}/discovery/v2.0/keys`,
      algorithms: ['RS256'],
      tokenType: 'any',
      clientClaims: ['azp'],
      accessTokenClaims: ['azp'],
      requiredClaims: { [policyClaim]: names },
      // B2C writes the nonce of the sign-in into access tokens as well. Its ID tokens have no scp.
      accessTokenMarks: [{ claim: 'scp' }],
      machines: { marks: [{ claim: 'scp', absent: true }] },
      remediations: {
        ...microsoftRemediations(audience),
        [policyClaim]: 'Sign in with an accepted user flow, or add it to policies.',
        unknown_issuer: 'The iss of B2C ends with a slash, and has the id of the tenant in it, not its name.',
      },
    },
    common,
  );
}

/** The options of {@link entraExternalId}. */
export const entraExternalIdOptions = z.strictObject({
  name: nameSchema.describe('The subdomain: `contoso` of `contoso.ciamlogin.com`.'),
  tenantId: guidSchema.describe('The id of the external tenant.'),
  audience: appIdsSchema.describe('The application (client) id of your API.'),
  clientIds: appIdsSchema.describe('The client ids of the apps whose tokens are accepted.').optional(),
  ...commonShape,
});

/**
 * Returns the issuer record of an external tenant of Microsoft Entra (External ID). Its metadata is at the subdomain with
 * the name, and its `iss` has the subdomain with the tenant id.
 *
 * Source: public issues of msal-js, oauth2-proxy and entra-docs.
 *
 * @example
 * ```ts
 * import { entraExternalId } from '@valetkey/jwt-verify/providers';
 *
 * const record = entraExternalId({
 *   name: 'contoso',
 *   tenantId: '11111111-2222-4333-8444-555555555555',
 *   audience: '66666666-7777-4888-8999-000000000000',
 * });
 * ```
 */
export function entraExternalId(options: z.input<typeof entraExternalIdOptions>): IssuerOptions {
  const { name, tenantId, audience, ...common } = parseOptions(entraExternalIdOptions, options);
  return completeRecord(
    {
      issuer: `https://${tenantId}.ciamlogin.com/${tenantId}/v2.0`,
      audiences: audience,
      metadataUri: `https://${name}.ciamlogin.com/${tenantId}/v2.0/.well-known/openid-configuration`,
      algorithms: ['RS256'],
      tokenType: 'any',
      clientClaims: ['azp'],
      accessTokenClaims: ['azp'],
      requiredClaims: { tid: [tenantId] },
      subjectClaims: ['oid', 'tid'],
      scopeClaims: ['scp'],
      maxLifetimeSeconds: longestLifetimeSeconds,
      forbiddenHeaders: ['nonce'],
      machines: {
        marks: [
          { claim: 'idtyp', values: ['app'] },
          { claim: 'scp', absent: true },
        ],
      },
      remediations: {
        ...microsoftRemediations(audience),
        unknown_issuer:
          'The iss of an external tenant has the id of the tenant twice, and not its name: compare tenantId.',
        tid: 'Sign in at the tenant that tenantId names.',
      },
    },
    common,
  );
}

const idTokenAdvice =
  'Send the ID token of the app that audience names. If the apps send access tokens for an API, set token to access.';

const sendIdToken = Object.fromEntries(
  ['scp', 'azp', 'appid', 'wrong_token_type', 'wrong_audience'].map((name) => [name, idTokenAdvice]),
);

function microsoftRemediations(audiences: readonly string[]): Record<string, string> {
  const audience = String(audiences[0]);
  const scope = `${/^[a-z]+:/i.test(audience) ? audience : `api://${audience}`}/<scope>`;
  const ask = `Have the app ask for a scope of your API (${scope}), and send that access token.`;
  return {
    nonce: `A token with a nonce in its header is meant for Microsoft Graph and cannot be verified by others. ${ask}`,
    wrong_audience: `A token whose aud is 00000003-0000-0000-c000-000000000000 is meant for Microsoft Graph, and an ID token for the app itself. ${ask}`,
    wrong_token_type: ask,
    unknown_tenant: 'Sign in with an account of an accepted tenant, or add the id of the tenant to tenantIds.',
  };
}
