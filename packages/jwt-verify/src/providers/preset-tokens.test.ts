import { describe, expect, test } from 'vitest';
import { createVerifierOf, encryptedToken, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { auth0 } from './auth0.ts';
import { authgear } from './authgear.ts';
import { betterAuth } from './better-auth.ts';
import { clerk } from './clerk.ts';
import { cognito } from './cognito.ts';
import { descope } from './descope.ts';
import { entra, entraB2c, entraExternalId } from './entra.ts';
import { firebase } from './firebase.ts';
import { google } from './google.ts';
import { hydra } from './hydra.ts';
import { keycloak } from './keycloak.ts';
import { logto } from './logto.ts';
import { okta } from './okta.ts';
import { stytch } from './stytch.ts';
import { supabase } from './supabase.ts';
import { workos } from './workos.ts';
import { zitadel } from './zitadel.ts';

const daySeconds = 86_400;
const tenantId = '11111111-2222-4333-8444-555555555555';
const otherTenantId = '99999999-2222-4333-8444-555555555555';
const api = '66666666-7777-4888-8999-000000000000';

testProvider('auth0 with two domains', {
  record: auth0({ domain: 't.eu.auth0.com', otherDomains: ['login.example.com'], audience: 'api', clientIds: 'c' }),
  algorithm: 'RS256',
  lifetimeSeconds: 30 * daySeconds,
  claims: { iss: 'https://t.eu.auth0.com/', sub: 'auth0|1', aud: ['api', 'https://t.eu.auth0.com/userinfo'], azp: 'c' },
  accepted: [
    ['a token that lives for 30 days', {}, { issuer: 'https://t.eu.auth0.com/' }],
    ['a token of the custom domain', { iss: 'https://login.example.com/' }, { issuer: 'https://t.eu.auth0.com/' }],
    ['a token of the RFC 9068 profile', { azp: undefined, client_id: 'c' }, { subject: 'auth0|1' }, { typ: 'at+jwt' }],
  ],
  refused: [
    ['a token without a slash at the end of iss', { iss: 'https://t.eu.auth0.com' }, {}, 'unknown_issuer', 'slash'],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'api'],
    ["another app's token", { azp: 'd' }, {}, 'wrong_client', 'clientIds'],
    ['a token whose two clients differ', { client_id: 'd' }, {}, 'wrong_client', 'clientIds'],
    [
      'a token of a machine',
      { sub: 'c@clients', gty: 'client-credentials' },
      {},
      'machine_token',
      'set machines to true',
    ],
    ['a token of an agent without sub', { sub: undefined }, {}, 'machine_token', 'set machines to true'],
    ['an ID token', { aud: 'c', azp: undefined, nonce: 'n' }, {}, 'wrong_token_type', 'audience'],
  ],
});

const pool = 'eu-central-1_AbCdEfGhI';
const original = `https://cognito-idp.eu-central-1.amazonaws.com/${pool}`;
testProvider('cognito with the updated issuer', {
  record: cognito({ userPoolId: pool, clientIds: 'c', issuerType: 'updated', replicaRegions: ['eu-west-1'] }),
  algorithm: 'RS256',
  header: {},
  lifetimeSeconds: daySeconds,
  claims: { iss: original.replace('cognito', 'issuer-cognito'), sub: 'u', token_use: 'access', client_id: 'c' },
  accepted: [
    ['a token of the updated issuer', {}, { issuer: original, subject: 'u' }],
    ['a token of the original issuer', { iss: original }, { issuer: original, subject: 'u' }],
    [
      'a token of a replica',
      { iss: `https://cognito-idp.eu-west-1.amazonaws.com/${pool}` },
      { issuer: original, subject: 'u' },
    ],
  ],
  refused: [
    ['an ID token', { token_use: 'id', aud: 'c', client_id: undefined }, {}, 'wrong_token_type', 'access token'],
    ["another app client's token", { client_id: 'd' }, {}, 'wrong_client', 'clientIds'],
    ['a token that names no app client', { client_id: undefined }, {}, 'wrong_client', 'clientIds'],
    ['a token of a machine', { sub: 'c' }, {}, 'machine_token', 'set machines to true'],
    ["another pool's token", { iss: `${original}X` }, {}, 'unknown_issuer', 'iss'],
  ],
});

testProvider('firebase', {
  record: firebase({ projectId: 'my-project', tenants: 'a' }),
  algorithm: 'RS256',
  claims: {
    iss: 'https://securetoken.google.com/my-project',
    aud: 'my-project',
    sub: 'u',
    auth_time: 1,
    firebase: { sign_in_provider: 'password', tenant: 'a' },
  },
  accepted: [['an ID token of an accepted tenant', {}, { subject: 'u' }]],
  refused: [
    ['a token of another tenant', { firebase: { tenant: 'b' } }, {}, 'missing_claim', 'tenants'],
    ['a token of no tenant', { firebase: {} }, {}, 'missing_claim', 'tenants'],
    [
      "another project's token",
      { iss: 'https://securetoken.google.com/other-one' },
      {},
      'unknown_issuer',
      'getIdToken',
    ],
    ['a session cookie', { iss: 'https://session.firebase.google.com/my-project' }, {}, 'unknown_issuer', 'cookies'],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'getIdToken'],
    [
      "an anonymous user's token",
      { firebase: { sign_in_provider: 'anonymous', tenant: 'a' } },
      {},
      'anonymous_user',
      'set anonymous to true',
    ],
  ],
});

testProvider('google', {
  record: google({ clientIds: 'server.apps' }),
  algorithm: 'RS256',
  claims: { iss: 'accounts.google.com', aud: 'server.apps', azp: 'phone.apps', sub: '1', email: 'a@example.com' },
  accepted: [
    ['an ID token of a phone app', {}, { issuer: 'https://accounts.google.com', subject: '1' }],
    ['the other form of iss', { iss: 'https://accounts.google.com' }, { issuer: 'https://accounts.google.com' }],
  ],
  refused: [
    ["another client's token", { aud: 'phone.apps' }, {}, 'wrong_audience', "server's client id"],
    ["a service account's token", { azp: '1' }, {}, 'machine_token', 'set machines to true'],
    [
      "a service account's token by its address",
      { email: 'x@p.iam.gserviceaccount.com' },
      {},
      'machine_token',
      'machines',
    ],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', "server's client id"],
  ],
});

const supabaseIssuer = 'https://abc.supabase.co/auth/v1';
testProvider('supabase with a long life', {
  record: supabase({ url: 'https://abc.supabase.co/' }),
  algorithm: 'RS256',
  lifetimeSeconds: 7 * daySeconds,
  claims: { iss: supabaseIssuer, sub: 'u', aud: 'authenticated', role: 'authenticated' },
  accepted: [['a token that lives for seven days', {}, { issuer: supabaseIssuer }]],
  refused: [
    ["an OAuth client's token", { client_id: 'c', scope: 'openid' }, {}, 'forbidden_claim', 'oauthClients'],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'authenticated'],
    ['a token whose iss lacks the path', { iss: 'https://abc.supabase.co' }, {}, 'unknown_issuer', 'local stack'],
  ],
});

const clerkIssuer = 'https://clerk.example.com';
const clerkClaims = { iss: clerkIssuer, sub: 'user_1', sid: 's', azp: 'https://app.example.com' };
testProvider('clerk sessions', {
  record: clerk({ domain: 'clerk.example.com', origins: ['https://app.example.com'] }),
  algorithm: 'RS256',
  lifetimeSeconds: 60,
  claims: clerkClaims,
  accepted: [
    ['a session token with permissions of version 2', { v: 2, o: { per: 'read,manage', fpm: '1,2' } }, { scopes: [] }],
    ['a session token with permissions of version 1', { org_permissions: ['org:read'] }, { scopes: ['org:read'] }],
  ],
  refused: [
    ['a token of a native app', { azp: undefined }, {}, 'wrong_client', 'nativeApps'],
    ['a token of another origin', { azp: 'https://evil.example.com' }, {}, 'wrong_client', 'origins'],
    ['a token of a template', { sid: undefined }, {}, 'missing_claim', 'template'],
    ['a pending session', { sts: 'pending' }, {}, 'forbidden_claim', 'finish'],
    ['an OAuth token', { client_id: 'c' }, { typ: 'at+jwt' }, 'wrong_header', 'oauth'],
    ["a machine's token", { sub: 'mch_1' }, {}, 'machine_token', 'set machines to true'],
    ["another instance's token", { iss: 'https://x.clerk.accounts.dev' }, {}, 'unknown_issuer', 'instances'],
  ],
});
testProvider('clerk sessions with native apps', {
  record: clerk({ domain: 'clerk.example.com', origins: ['https://app.example.com'], nativeApps: true }),
  algorithm: 'RS256',
  claims: { ...clerkClaims, azp: undefined },
  accepted: [['a token without azp', {}, { subject: 'user_1' }]],
  refused: [['a token of another origin', { azp: 'https://evil.example.com' }, {}, 'wrong_client', 'origins']],
});
testProvider('clerk OAuth', {
  record: clerk({ domain: 'clerk.example.com', token: 'oauth', clientIds: 'c' }),
  algorithm: 'RS256',
  header: { typ: 'at+jwt' },
  claims: { iss: clerkIssuer, sub: 'user_1', client_id: 'c', scp: ['profile'] },
  accepted: [
    ['an OAuth token', {}, { scopes: ['profile'] }],
    ['an OAuth token with a scope text', { scp: undefined, scope: 'a b' }, { scopes: ['a', 'b'] }],
  ],
  refused: [
    ["another client's token", { client_id: 'd' }, {}, 'wrong_client', 'clientIds'],
    ['a session token', {}, { typ: 'JWT' }, 'wrong_token_type', 'access token'],
  ],
});

const entraIssuer = `https://login.microsoftonline.com/${tenantId}/v2.0`;
const entraClaims = { iss: entraIssuer, tid: tenantId, oid: 'o', sub: 'pairwise', aud: api, azp: 'c', scp: 'read' };
const person = { issuer: entraIssuer, subject: `o:${tenantId}` };
testProvider('entra', {
  record: entra({ tenantIds: [tenantId], audience: api, clientIds: 'c' }),
  algorithm: 'RS256',
  lifetimeSeconds: 28 * 3600,
  claims: entraClaims,
  accepted: [
    ['a token of version 2', {}, person],
    [
      'a token of version 1',
      { iss: `https://sts.windows.net/${tenantId}/`, sub: 'other', aud: `api://${api}`, azp: undefined, appid: 'c' },
      person,
    ],
  ],
  refused: [
    ["another app's token of version 1", { azp: undefined, appid: 'd' }, {}, 'wrong_client', 'clientIds'],
    ['a token without an app', { azp: undefined }, {}, 'wrong_token_type', 'send that access token'],
    ['an application token', { scp: undefined, roles: ['x'] }, {}, 'machine_token', 'set machines to true'],
    ['a token for Graph', { aud: '00000003-0000-0000-c000-000000000000' }, { nonce: 'n' }, 'wrong_header', 'api://'],
    ['a token of a tenant that only its tid names', { tid: otherTenantId }, {}, 'unknown_tenant', 'tenantIds'],
    [
      "another tenant's token",
      { iss: entraIssuer.replace(tenantId, otherTenantId), tid: otherTenantId },
      {},
      'unknown_tenant',
      'tenantIds',
    ],
    ['a token of common', { iss: 'https://login.microsoftonline.com/common/v2.0' }, {}, 'unknown_tenant', 'tenantIds'],
    ['an ID token', { azp: undefined, scp: undefined, nonce: 'n' }, {}, 'wrong_token_type', 'api://'],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'api://'],
  ],
});
testProvider('entra with ID tokens', {
  record: entra({ tenantIds: tenantId, audience: 'c', token: 'id' }),
  algorithm: 'RS256',
  claims: { iss: entraIssuer, tid: tenantId, oid: 'o', sub: 'pairwise', aud: 'c', nonce: 'n' },
  accepted: [['an ID token', {}, person]],
  refused: [
    [
      'an access token for the same registration',
      { nonce: undefined, scp: 'read', azp: 'c' },
      {},
      'forbidden_claim',
      'ID token',
    ],
    ["a machine's token for the same registration", { nonce: undefined, azp: 'd' }, {}, 'forbidden_claim', 'ID token'],
    ["a machine's token of version 1", { nonce: undefined, appid: 'd' }, {}, 'forbidden_claim', 'ID token'],
    ["another app's ID token", { aud: 'd' }, {}, 'wrong_audience', 'ID token of the app'],
  ],
});

const b2cOrigin = 'https://contoso.b2clogin.com';
const b2cIssuer = `${b2cOrigin}/${tenantId}/v2.0/`;
testProvider('entra-b2c', {
  record: entraB2c({ name: 'contoso', tenantId, policies: ['B2C_1_signin'], audience: api, clientIds: 'c' }),
  algorithm: 'RS256',
  lifetimeSeconds: daySeconds,
  claims: { iss: b2cIssuer, sub: 'o', aud: api, azp: 'c', scp: 'read', tfp: 'B2C_1_signin' },
  accepted: [
    ['the form with the tenant', {}, { issuer: b2cIssuer, scopes: ['read'] }],
    ['the form with the policy', { iss: `${b2cOrigin}/tfp/${tenantId}/b2c_1_signin/v2.0/` }, { issuer: b2cIssuer }],
    [
      'the form with the policy as it was created',
      { iss: `${b2cOrigin}/tfp/${tenantId}/B2C_1_signin/v2.0/`, tfp: 'b2c_1_signin' },
      { issuer: b2cIssuer },
    ],
  ],
  refused: [
    ["another policy's token", { tfp: 'B2C_1_edit' }, {}, 'missing_claim', 'policies'],
    [
      "another policy's form of iss",
      { iss: `${b2cOrigin}/tfp/${tenantId}/b2c_1_edit/v2.0/` },
      {},
      'unknown_issuer',
      'slash',
    ],
    ['a token without the slash', { iss: b2cIssuer.slice(0, -1) }, {}, 'unknown_issuer', 'slash'],
    ["another app's token", { azp: 'd' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { scp: undefined }, {}, 'machine_token', 'set machines to true'],
    ["another tenant's token", { iss: b2cIssuer.replace(tenantId, otherTenantId) }, {}, 'unknown_issuer', 'tenant'],
  ],
});
testProvider('entra-b2c with the policy in acr', {
  record: entraB2c({ name: 'contoso', tenantId, policies: 'B2C_1_signin', audience: api, policyClaim: 'acr' }),
  algorithm: 'RS256',
  claims: { iss: b2cIssuer, sub: 'o', aud: api, azp: 'c', scp: 'read', acr: 'b2c_1_signin' },
  accepted: [['a token with the policy in lower case', {}, { issuer: b2cIssuer }]],
  refused: [['a token without the policy', { acr: undefined }, {}, 'missing_claim', 'policies']],
});

const externalIssuer = `https://${tenantId}.ciamlogin.com/${tenantId}/v2.0`;
testProvider('entra-external-id', {
  record: entraExternalId({ name: 'contoso', tenantId, audience: api, clientIds: 'c' }),
  algorithm: 'RS256',
  claims: { ...entraClaims, iss: externalIssuer },
  accepted: [['an access token', {}, { issuer: externalIssuer, subject: `o:${tenantId}` }]],
  refused: [
    ['the form with the name', { iss: `https://contoso.ciamlogin.com/${tenantId}/v2.0` }, {}, 'unknown_issuer', 'iss'],
    ['an ID token', { scp: undefined, nonce: 'n' }, {}, 'wrong_token_type', 'api://'],
    ["another app's token", { azp: 'd' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { scp: undefined }, {}, 'machine_token', 'set machines to true'],
    [
      "another tenant's token",
      { iss: externalIssuer.replaceAll(tenantId, otherTenantId) },
      {},
      'unknown_issuer',
      'iss',
    ],
  ],
});

const realm = 'https://id.example.com/realms/main';
testProvider('keycloak with two URLs', {
  record: keycloak({
    url: 'https://id.example.com',
    otherUrls: ['http://keycloak:8080'],
    realm: 'main',
    audience: 'api',
    clientIds: 'web',
  }),
  algorithm: 'ES384',
  claims: { iss: realm, sub: 'u', aud: ['api', 'account'], azp: 'web', typ: 'Bearer', scope: 'openid' },
  accepted: [
    ['a token with ES384', {}, { issuer: realm }],
    ['a token with the type at+jwt', {}, { issuer: realm }, { typ: 'at+jwt' }],
    ['a token of the other URL', { iss: 'http://keycloak:8080/realms/main' }, { issuer: realm }],
  ],
  refused: [
    ['an ID token', { typ: 'ID', aud: 'web' }, {}, 'wrong_token_type', 'access token'],
    ['a refresh token', { typ: 'Refresh' }, {}, 'wrong_token_type', 'access token'],
    ['an offline token', { typ: 'Offline' }, {}, 'wrong_token_type', 'access token'],
    ['a token for account alone', { aud: 'account' }, {}, 'wrong_audience', 'Audience mapper'],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'Audience mapper'],
    ["another client's token", { azp: 'other' }, {}, 'wrong_client', 'clientIds'],
    [
      "a service account's token",
      { preferred_username: 'service-account-web' },
      {},
      'machine_token',
      'set machines to true',
    ],
    ['a token without sub', { sub: undefined }, {}, 'malformed_subject', 'basic'],
    ["another realm's token", { iss: `${realm}2` }, {}, 'unknown_issuer', 'hostname'],
  ],
});

const oktaIssuer = 'https://acme.okta.com/oauth2/default';
testProvider('okta with two domains', {
  record: okta({ domain: 'acme.okta.com', otherDomains: ['login.example.com'], clientIds: 'c' }),
  algorithm: 'RS256',
  header: {},
  lifetimeSeconds: daySeconds,
  claims: { iss: oktaIssuer, sub: 'ada@example.com', uid: '00u1', aud: 'api://default', cid: 'c', scp: ['read'] },
  accepted: [
    ['an access token', {}, { issuer: oktaIssuer, subject: '00u1', scopes: ['read'] }],
    ['a token after the login name changed', { sub: 'ada@new.example.com' }, { subject: '00u1' }],
    ['a token of the custom domain', { iss: 'https://login.example.com/oauth2/default' }, { issuer: oktaIssuer }],
  ],
  refused: [
    ["another app's token", { cid: 'd' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { sub: 'c', uid: undefined }, {}, 'machine_token', 'set machines to true'],
    ['a token of the org server', { iss: 'https://acme.okta.com' }, {}, 'unknown_issuer', 'org server'],
    ["another server's token", { iss: 'https://acme.okta.com/oauth2/aus1' }, {}, 'unknown_issuer', 'oauth2/default'],
    ['an ID token', { aud: 'c', nonce: 'n', cid: undefined, uid: undefined }, {}, 'wrong_token_type', 'access token'],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'authorization server'],
  ],
});

const endpoint = 'https://project.authgear.cloud';
const authgearClaims = { iss: endpoint, sub: 'u', aud: [endpoint], client_id: 'c', scope: 'openid' };
testProvider('authgear', {
  record: authgear({ endpoint, clientIds: ['c'] }),
  algorithm: 'RS256',
  header: { typ: 'at+jwt' },
  lifetimeSeconds: 1800,
  claims: authgearClaims,
  accepted: [['an access token', {}, { issuer: endpoint }]],
  refused: [
    ['an ID token', { aud: 'c' }, { typ: 'JWT' }, 'wrong_token_type', 'access token'],
    ["another app's token of the project", { client_id: 'd' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { aud: endpoint, sub: 'client_id_c' }, {}, 'machine_token', 'set machines to true'],
    [
      "an anonymous user's token",
      { 'https://authgear.com/claims/user/is_anonymous': true },
      {},
      'anonymous_user',
      'set anonymous to true',
    ],
    ["another project's token", { iss: 'https://other.authgear.cloud' }, {}, 'unknown_issuer', 'iss'],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'aud'],
  ],
});
testProvider('authgear with machines', {
  record: authgear({ endpoint, clientIds: ['c'], machines: true, resources: 'https://api.example.com' }),
  algorithm: 'RS256',
  header: { typ: 'at+jwt' },
  claims: authgearClaims,
  accepted: [
    ["a machine's token", { sub: 'client_id_c', aud: ['https://api.example.com'] }, { subject: 'client_id_c' }],
    ["a person's token", {}, { subject: 'u' }],
  ],
  refused: [['a token for another resource', { aud: 'https://other.example.com' }, {}, 'wrong_audience', 'aud']],
});

const hydraIssuer = 'https://slug.projects.oryapis.com';
testProvider('hydra', {
  record: hydra({ issuer: hydraIssuer, audience: 'api', clientIds: 'c' }),
  algorithm: 'RS256',
  claims: { iss: hydraIssuer, sub: 'u', aud: ['api'], client_id: 'c', scp: ['read'] },
  accepted: [
    ['an access token', {}, { scopes: ['read'] }],
    ['an access token with a scope text', { scp: undefined, scope: 'a b' }, { scopes: ['a', 'b'] }],
  ],
  refused: [
    ['a token with an empty aud', { aud: [] }, {}, 'wrong_audience', 'consent'],
    ['a token with a slash', { iss: `${hydraIssuer}/` }, {}, 'unknown_issuer', 'urls.self.issuer'],
    ["another client's token", { client_id: 'd' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { sub: 'c' }, {}, 'machine_token', 'set machines to true'],
    ['an ID token', { aud: 'c', at_hash: 'h' }, {}, 'wrong_token_type', 'access token'],
  ],
});

const workosClient = 'client_01ABC';
const workosIssuer = `https://api.workos.com/user_management/${workosClient}`;
testProvider('workos with each form', {
  record: workos({ clientId: workosClient, sharedIssuer: true, authDomain: 'auth.example.com' }),
  algorithm: 'RS256',
  header: {},
  claims: { iss: workosIssuer, sub: 'user_1', sid: 's' },
  accepted: (
    [
      workosIssuer,
      'https://api.workos.com',
      'https://api.workos.com/',
      `https://api.workos.com/sso/${workosClient}`,
      `https://api.workos.com/convex/${workosClient}`,
      'https://auth.example.com',
      'https://auth.example.com/',
    ] as const
  ).map((iss) => [`a token with the iss ${iss}`, { iss }, { issuer: workosIssuer, subject: 'user_1' }] as const),
  refused: [
    ["another environment's token", { iss: `${workosIssuer}X` }, {}, 'unknown_issuer', 'sharedIssuer'],
    ["a machine's token", { sid: undefined }, {}, 'machine_token', 'set machines to true'],
  ],
});

const descopeForms = ['https://api.descope.com/P2', 'P2', 'https://api.descope.com/v1/apps/P2'];
testProvider('descope with a tenant and another region', {
  record: descope({ projectId: 'P2', baseUrl: 'https://auth.example.com', tenants: 'T1' }),
  algorithm: 'RS256',
  claims: { iss: 'P2', sub: 'u', drn: 'DS', dct: 'T1', permissions: ['read'] },
  accepted: [
    ...descopeForms,
    'https://api.descope.com/v1/apps/P2/T1',
    'https://auth.example.com/P2',
    'https://auth.example.com/v1/apps/P2/T1',
  ].map((iss) => [`a token with the iss ${iss}`, { iss }, { issuer: 'https://api.descope.com/P2' }] as const),
  refused: [
    ['a refresh token', { drn: 'DSR' }, {}, 'missing_claim', 'refresh token'],
    ['a token without drn', { drn: undefined }, {}, 'missing_claim', 'session token'],
    ['a token of another tenant', { dct: 'T2' }, {}, 'missing_claim', 'tenants'],
    ["another tenant's iss", { iss: 'https://api.descope.com/v1/apps/P2/T2' }, {}, 'unknown_issuer', 'tenants'],
    [
      'a token of an agentic server',
      { iss: 'https://api.descope.com/v1/apps/agentic/P2/S' },
      {},
      'unknown_issuer',
      'MCP',
    ],
    ["another project's token", { iss: 'P3' }, {}, 'unknown_issuer', 'MCP'],
  ],
});

const project = 'project-live-11111111-2222-4333-8444-555555555555';
testProvider('stytch', {
  record: stytch({ projectId: project, baseUrl: 'https://login.example.com' }),
  algorithm: 'RS256',
  lifetimeSeconds: 300,
  claims: { iss: `stytch.com/${project}`, sub: 'user-1', aud: [project], 'https://stytch.com/session': { id: 's' } },
  accepted: [
    ['a session JWT', {}, { issuer: `stytch.com/${project}` }],
    ['a session JWT of the custom URL', { iss: 'https://login.example.com' }, { issuer: `stytch.com/${project}` }],
  ],
  refused: [
    ["a Connected App's token", { client_id: 'c' }, {}, 'forbidden_claim', 'Connected Apps'],
    [
      "a Connected App's token without a session",
      { client_id: 'c', 'https://stytch.com/session': undefined },
      {},
      'missing_claim',
      'Connected Apps',
    ],
    ["a Connected App's ID token", { aud: 'c', nonce: 'n' }, {}, 'wrong_token_type', 'access token'],
    [
      'a token of the test project',
      { iss: `stytch.com/${project.replace('live', 'test')}` },
      {},
      'unknown_issuer',
      'live projects',
    ],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'aud'],
  ],
});

const base = 'https://app.example.com';
testProvider('better-auth', {
  record: betterAuth({ baseUrl: base, audience: 'api' }),
  algorithm: 'EdDSA',
  header: {},
  claims: { iss: base, sub: 'u', aud: 'api' },
  accepted: [
    ['a JWT with EdDSA', {}, { issuer: base }],
    ['a JWT with the path in iss', { iss: `${base}/api/auth` }, { issuer: base }],
  ],
  refused: [
    ["an OAuth client's token", { azp: 'c' }, { typ: 'at+jwt' }, 'forbidden_claim', 'oauth-provider'],
    ['a JWT for another API', { aud: base }, {}, 'wrong_audience', 'jwt.audience'],
    ["an anonymous user's JWT", { isAnonymous: true }, {}, 'anonymous_user', 'set anonymous to true'],
    ["another environment's JWT", { iss: 'https://staging.example.com' }, {}, 'unknown_issuer', 'environment'],
  ],
});
testProvider('better-auth with an issuer of its own', {
  record: betterAuth({ baseUrl: base, issuer: 'my-app', audience: 'api', plugin: 'oauth-provider', clientIds: 'c' }),
  algorithm: 'ES512',
  header: { typ: 'at+jwt' },
  claims: { iss: 'my-app', sub: 'u', aud: 'api', client_id: 'c', azp: 'c' },
  accepted: [['an OAuth token', {}, { issuer: 'my-app' }]],
  refused: [["another client's token", { client_id: 'd', azp: 'd' }, {}, 'wrong_client', 'clientIds']],
});

const logtoIssuer = 'https://t.logto.app/oidc';
testProvider('logto', {
  record: logto({ endpoint: 'https://t.logto.app', audience: 'api', clientIds: 'c', organizations: 'o' }),
  algorithm: 'ES384',
  header: { typ: 'at+jwt' },
  claims: { iss: logtoIssuer, sub: 'u', aud: 'api', client_id: 'c', organization_id: 'o', scope: 'read' },
  accepted: [['a token with ES384', {}, { issuer: logtoIssuer, scopes: ['read'] }]],
  refused: [
    ['an organization token', { aud: 'urn:logto:organization:o' }, {}, 'wrong_audience', 'resource'],
    ["another organization's token", { organization_id: 'p' }, {}, 'missing_claim', 'organization'],
    ["a third-party app's token", { client_id: 'd' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { sub: 'c' }, {}, 'machine_token', 'set machines to true'],
    ['an ID token', { aud: 'c' }, { typ: 'JWT' }, 'wrong_token_type', 'resource'],
  ],
});
testProvider('logto without the type at+jwt', {
  record: logto({ endpoint: 'https://t.logto.app', audience: 'api', tokenType: 'any' }),
  algorithm: 'ES384',
  claims: { iss: logtoIssuer, sub: 'u', aud: 'api', client_id: 'c' },
  accepted: [['a token with the type JWT', {}, { issuer: logtoIssuer }]],
  refused: [['an ID token', { aud: 'c', at_hash: 'h' }, {}, 'wrong_token_type', 'resource']],
});

const instance = 'https://i.zitadel.cloud';
testProvider('zitadel', {
  record: zitadel({ domain: 'i.zitadel.cloud', clientIds: '101' }),
  algorithm: 'EdDSA',
  lifetimeSeconds: 43_200,
  claims: { iss: instance, sub: '42', aud: ['101', '102', '900'], client_id: '101' },
  accepted: [
    ['a token with EdDSA', {}, { issuer: instance }],
    ['a token with a slash at the end of iss', { iss: `${instance}/` }, { issuer: instance }],
  ],
  refused: [
    ["a sibling application's token", { client_id: '102' }, {}, 'wrong_client', 'proves nothing'],
    ["a service user's token that names no app", { client_id: undefined }, {}, 'wrong_client', 'proves nothing'],
    ['an ID token', { azp: '101', client_id: undefined }, {}, 'wrong_token_type', 'access token'],
  ],
});

describe('a text that is no signed JWT leads to the right token', () => {
  test.each([
    ['auth0', auth0({ domain: 't.auth0.com', audience: 'api' }), 'opaque-token', 'malformed_token', 'audience api'],
    ['auth0', auth0({ domain: 't.auth0.com', audience: 'api' }), encryptedToken, 'encrypted_token', 'audience api'],
    ['cognito', cognito({ userPoolId: pool, clientIds: 'c' }), encryptedToken, 'encrypted_token', 'refresh token'],
    ['google', google({ clientIds: 'c' }), 'ya29.abc', 'malformed_token', 'ID token'],
    ['supabase', supabase({ url: base }), 'sb_secret_abc', 'malformed_token', 'access_token'],
    ['clerk', clerk({ domain: 'clerk.example.com', origins: base }), 'oat_abc', 'malformed_token', 'getToken'],
    ['authgear', authgear({ endpoint }), 'opaque-token', 'malformed_token', 'Issue JWT'],
    ['hydra', hydra({ issuer: base, audience: 'a' }), 'ory_at_abc', 'malformed_token', 'strategies.access_token'],
    ['stytch', stytch({ projectId: project }), 'opaque-token', 'malformed_token', 'session_jwt'],
    ['better-auth', betterAuth({ baseUrl: base }), 'opaque-token', 'malformed_token', '/api/auth/token'],
    ['logto', logto({ endpoint: base, audience: 'a' }), 'opaque-token', 'malformed_token', 'resource'],
    ['zitadel', zitadel({ domain: 'a.example', clientIds: 'c' }), 'opaque-token', 'malformed_token', 'JWT'],
  ])('%s', async (_, record, token, reason, words) => {
    await expectRefusal(createVerifierOf(record), token, reason, words);
  });
});

test('a person corrects what a preset assumes by an option of the preset', () => {
  const record = firebase({
    projectId: 'my-project',
    jwksUri: 'https://keys.example.com/jwks',
    algorithms: ['ES256'],
    maxLifetimeSeconds: 60,
    machineMarks: [{ claim: 'kind', values: ['service'] }],
    anonymousMarks: [{ claim: 'guest' }],
  });
  expect(record).toMatchObject({
    jwksUri: 'https://keys.example.com/jwks',
    algorithms: ['ES256'],
    maxLifetimeSeconds: 60,
    machines: { accepted: false, marks: [{ claim: 'kind', values: ['service'] }] },
    anonymous: { accepted: false, marks: [{ claim: 'guest' }] },
  });
  const jwks = { keys: [{ kty: 'OKP' }] };
  expect(supabase({ url: base, record: { jwks } })).toMatchObject({ jwks });
  expect(supabase({ url: base, record: { jwks } })).not.toHaveProperty('jwksUri');
  const external = { name: 'contoso', tenantId, audience: api };
  expect(entraExternalId({ ...external, record: { jwks } })).not.toHaveProperty('metadataUri');
  expect(entraExternalId({ ...external, jwksUri: 'https://keys.example.com/jwks' })).not.toHaveProperty('metadataUri');
  expect(descope({ projectId: 'P2', tokenKinds: 'any' }).requiredClaims).toEqual({});
});
