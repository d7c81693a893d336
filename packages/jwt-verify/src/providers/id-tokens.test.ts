import { testProvider } from '../testing/provider-tests.ts';
import { auth0 } from './auth0.ts';
import { cognito } from './cognito.ts';
import { entra, entraB2c, entraExternalId } from './entra.ts';
import { hydra } from './hydra.ts';
import { keycloak } from './keycloak.ts';
import { logto } from './logto.ts';
import { okta } from './okta.ts';
import { stytch } from './stytch.ts';
import { workos } from './workos.ts';

// Each preset accepts as much as its options allow: machines, and the tokens of every app. An app and its API may also share
// one registration, so that the ID token of the app has the audience of the API. The ID tokens have none of the claims that
// only ID tokens have (nonce, at_hash): a provider writes these only in some flows.
const tenantId = '11111111-2222-4333-8444-555555555555';
const app = '66666666-7777-4888-8999-000000000000';
const profile = { name: 'Ada', email: 'ada@example.com', auth_time: 1 };

const entraIssuer = `https://login.microsoftonline.com/${tenantId}/v2.0`;
const entraIdToken = { iss: entraIssuer, tid: tenantId, oid: 'o', sub: 'pairwise', aud: app, ...profile };
testProvider('entra with machines of every app', {
  record: entra({ tenantIds: tenantId, audience: app, machines: true }),
  algorithm: 'RS256',
  claims: entraIdToken,
  accepted: [
    ['the access token of a person', { azp: app, scp: 'read' }, { subject: `o:${tenantId}` }],
    ["a machine's token", { azp: app, roles: ['read'] }, { scopes: ['read'] }],
    [
      "a machine's token of version 1",
      { iss: `https://sts.windows.net/${tenantId}/`, appid: app, roles: ['read'] },
      { scopes: ['read'] },
    ],
  ],
  refused: [
    ['an ID token', {}, {}, 'wrong_token_type', 'api://'],
    ["an ID token with the user's roles", { roles: ['admin'] }, {}, 'wrong_token_type', 'api://'],
    ['an ID token of version 1', { iss: `https://sts.windows.net/${tenantId}/` }, {}, 'wrong_token_type', 'api://'],
  ],
});

const b2cIssuer = `https://contoso.b2clogin.com/${tenantId}/v2.0/`;
testProvider('entra-b2c with machines of every app', {
  record: entraB2c({ name: 'contoso', tenantId, policies: 'B2C_1_signin', audience: app, machines: true }),
  algorithm: 'RS256',
  claims: { iss: b2cIssuer, sub: 'o', aud: app, tfp: 'B2C_1_signin', ...profile },
  accepted: [
    ['the access token of a person', { azp: app, scp: 'read' }, { subject: 'o' }],
    ["a machine's token", { azp: app }, { subject: 'o' }],
  ],
  refused: [['an ID token', {}, {}, 'wrong_token_type', 'api://']],
});

testProvider('entra-external-id with machines of every app', {
  record: entraExternalId({ name: 'contoso', tenantId, audience: app, machines: true }),
  algorithm: 'RS256',
  claims: { ...entraIdToken, iss: `https://${tenantId}.ciamlogin.com/${tenantId}/v2.0` },
  accepted: [["a machine's token", { azp: app, roles: ['read'] }, { subject: `o:${tenantId}` }]],
  refused: [["an ID token with the user's roles", { roles: ['admin'] }, {}, 'wrong_token_type', 'api://']],
});

testProvider('auth0 with machines of every app', {
  record: auth0({ domain: 't.eu.auth0.com', audience: 'app', machines: true }),
  algorithm: 'RS256',
  claims: { iss: 'https://t.eu.auth0.com/', sub: 'auth0|1', aud: 'app', ...profile },
  accepted: [
    ['an access token', { azp: 'app' }, { subject: 'auth0|1' }],
    ['an access token of the RFC 9068 profile', { client_id: 'app' }, { subject: 'auth0|1' }, { typ: 'at+jwt' }],
  ],
  refused: [['an ID token', {}, {}, 'wrong_token_type', 'audience']],
});

testProvider('okta with every app', {
  record: okta({ domain: 'acme.okta.com', audience: 'app' }),
  algorithm: 'RS256',
  header: {},
  claims: { iss: 'https://acme.okta.com/oauth2/default', sub: '00u1', aud: 'app', ...profile },
  accepted: [['an access token', { cid: 'app', uid: '00u1' }, { subject: '00u1' }]],
  refused: [['an ID token', {}, {}, 'wrong_token_type', 'access token']],
});

testProvider('hydra with machines of every app', {
  record: hydra({ issuer: 'https://slug.projects.oryapis.com', audience: 'app', machines: true }),
  algorithm: 'RS256',
  claims: { iss: 'https://slug.projects.oryapis.com', sub: 'u', aud: ['app'], ...profile },
  accepted: [["a machine's token", { client_id: 'app', sub: 'app' }, { subject: 'app' }]],
  refused: [['an ID token', {}, {}, 'wrong_token_type', 'access token']],
});

testProvider('logto with machines of every app and any type', {
  record: logto({ endpoint: 'https://t.logto.app', audience: 'app', tokenType: 'any', machines: true }),
  algorithm: 'ES384',
  claims: { iss: 'https://t.logto.app/oidc', sub: 'u', aud: 'app', ...profile },
  accepted: [["a machine's token", { client_id: 'app', sub: 'app' }, { subject: 'app' }]],
  refused: [['an ID token', {}, {}, 'wrong_token_type', 'resource']],
});

testProvider('keycloak with machines of every app', {
  record: keycloak({ url: 'https://id.example.com', realm: 'main', audience: 'app', machines: true }),
  algorithm: 'RS256',
  claims: { iss: 'https://id.example.com/realms/main', sub: 'u', aud: 'app', azp: 'app', ...profile },
  accepted: [["a machine's token", { typ: 'Bearer', client_id: 'app' }, { subject: 'u' }]],
  refused: [
    ['an ID token', { typ: 'ID' }, {}, 'wrong_token_type', 'ID token'],
    ['an ID token without typ', {}, {}, 'missing_claim', 'ID token'],
  ],
});

const pool = 'eu-central-1_AbCdEfGhI';
testProvider('cognito with machines', {
  record: cognito({ userPoolId: pool, clientIds: 'app', machines: true }),
  algorithm: 'RS256',
  header: {},
  claims: { iss: `https://cognito-idp.eu-central-1.amazonaws.com/${pool}`, sub: 'u', ...profile },
  accepted: [["a machine's token", { token_use: 'access', client_id: 'app', sub: 'app' }, { subject: 'app' }]],
  refused: [['an ID token', { token_use: 'id', aud: 'app', client_id: 'app' }, {}, 'wrong_token_type', 'access']],
});

testProvider('workos with machines and a custom domain', {
  record: workos({ clientId: 'client_01ABC', authDomain: 'auth.example.com', machines: true }),
  algorithm: 'RS256',
  header: {},
  claims: { iss: 'https://auth.example.com', sub: 'user_1', ...profile },
  accepted: [['a session token', { sid: 'session_1' }, { subject: 'user_1' }]],
  refused: [['the ID token of a Connect application', { aud: 'client_02DEF' }, {}, 'wrong_token_type', 'session']],
});

testProvider('stytch with machines', {
  record: stytch({ projectId: 'project-live-1', machines: true }),
  algorithm: 'RS256',
  claims: { iss: 'stytch.com/project-live-1', sub: 'user-1', aud: ['project-live-1'], ...profile },
  accepted: [['a session JWT', { 'https://stytch.com/session': { id: 's' } }, { subject: 'user-1' }]],
  refused: [['an ID token', {}, {}, 'missing_claim', 'session_jwt']],
});
