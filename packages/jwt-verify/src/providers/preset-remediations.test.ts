import type { IssuerOptions } from '@valetkey/core-types';
import { expect, test } from 'vitest';
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
import type { providers } from './issuer-record.ts';
import { keycloak } from './keycloak.ts';
import { logto } from './logto.ts';
import { okta } from './okta.ts';
import { stytch } from './stytch.ts';
import { supabase } from './supabase.ts';
import { workos } from './workos.ts';
import { zitadel } from './zitadel.ts';

const url = 'https://id.example.com';
const domain = 'id.example.com';
const clientIds = 'c';
const audience = 'api';
const tenantId = '11111111-2222-4333-8444-555555555555';
const userPoolId = 'eu-central-1_AbCdEfGhI';
const project = 'project-live-11111111-2222-4333-8444-555555555555';

/** Records of each preset that have all rules which its options can add. */
const records: Record<keyof typeof providers, IssuerOptions[]> = {
  auth0: [auth0({ domain, audience, clientIds })],
  cognito: [cognito({ userPoolId, clientIds, audience }), cognito({ userPoolId, clientIds, token: 'id' })],
  firebase: [firebase({ projectId: 'my-project', tenants: 't' })],
  google: [google({ clientIds, hostedDomains: domain })],
  supabase: [supabase({ url }), supabase({ url, oauthClients: clientIds })],
  clerk: [
    clerk({ domain, origins: url }),
    clerk({ domain, nativeApps: true }),
    clerk({ domain, origins: url, token: 'template', audience }),
    clerk({ domain, token: 'oauth', clientIds }),
  ],
  entra: [entra({ tenantIds: tenantId, audience, clientIds }), entra({ tenantIds: tenantId, audience, token: 'id' })],
  'entra-b2c': [entraB2c({ name: 'c', tenantId, policies: 'p', audience, clientIds })],
  'entra-external-id': [entraExternalId({ name: 'c', tenantId, audience, clientIds })],
  keycloak: [keycloak({ url, realm: 'r', audience, clientIds })],
  okta: [okta({ domain, clientIds })],
  authgear: [authgear({ endpoint: url, clientIds })],
  hydra: [hydra({ issuer: url, audience, clientIds })],
  workos: [workos({ clientId: 'client_1', audience }), workos({ clientId: 'client_1', oauthClients: clientIds })],
  descope: [
    descope({ projectId: 'P2', audience, tenants: 't' }),
    descope({ projectId: 'P2', oauthClients: clientIds }),
  ],
  stytch: [stytch({ projectId: project })],
  'better-auth': [betterAuth({ baseUrl: url }), betterAuth({ baseUrl: url, plugin: 'oauth-provider', clientIds })],
  logto: [logto({ endpoint: url, audience, clientIds, organizations: 'o' })],
  zitadel: [zitadel({ domain, clientIds, projectId: 'p' })],
};
const each = Object.entries(records).flatMap(([name, list]) => list.map((record) => ({ name, record })));

/** The reasons, claims and header members for which the rules of a record can refuse a token. */
function causesOf(record: IssuerOptions): string[] {
  return [
    'unknown_issuer',
    'wrong_token_type',
    'machine_token',
    ...(record.audiences === null ? [] : ['wrong_audience']),
    ...(record.clientIds === undefined ? [] : ['wrong_client']),
    ...(record.tenants === undefined ? [] : ['unknown_tenant']),
    ...Object.keys(record.requiredClaims ?? {}),
    ...(record.forbiddenClaims ?? []).map(({ claim }) => claim),
    ...Object.keys(record.requiredHeaders ?? {}),
    ...(record.forbiddenHeaders ?? []),
  ];
}

test.each(each)('$name has advice of its own for each refusal that its rules can cause', ({ record }) => {
  expect(Object.keys(record.remediations ?? {})).toEqual(expect.arrayContaining(causesOf(record)));
});

test.each(each)('the advice of $name names no field that only a record has', ({ record }) => {
  const advice = Object.values(record.remediations ?? {}).join('\n');
  expect(advice).not.toMatch(/audiences|clientClaims|clientOptional|requiredClaims|forbiddenClaims|tokenType|issuer's/);
});

test('further required claims are added to those of the preset, and replace none of them', () => {
  const { requiredClaims } = keycloak({
    url,
    realm: 'r',
    audience,
    requiredClaims: { organization: ['acme'], typ: 'any' },
  });
  expect(requiredClaims).toEqual({ typ: ['Bearer'], organization: ['acme'] });
  expect(auth0({ domain, audience, requiredClaims: { org_id: ['org_1'] } }).requiredClaims).toEqual({
    org_id: ['org_1'],
  });
});
